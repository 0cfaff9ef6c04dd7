#include "groundglass/distributed/world.h"

#include <gtest/gtest.h>

#include "groundglass/core/error.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

TEST(World, IsOneWithoutALauncher) {
  EXPECT_EQ(world_of({}).size, 1);
  // an sbatch script, or a shell inside an allocation, is no rank
  EXPECT_EQ(world_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).size, 1);
  EXPECT_EQ(world_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}, {"SLURM_STEP_ID", "0"}}).size,
            1);
  EXPECT_EQ(world_of({{"RANK", "3"}}).size, 1);
  EXPECT_EQ(world_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}, {"MPI_LOCALRANKID", "0"}}).size, 1);
}

TEST(World, ReadsTorchrun) {
  const Environment base = {{"RANK", "5"},         {"WORLD_SIZE", "8"},
                            {"LOCAL_RANK", "1"},   {"LOCAL_WORLD_SIZE", "4"},
                            {"MASTER_ADDR", "n0"}, {"MASTER_PORT", "29400"}};
  const World w = world_of(base);
  EXPECT_EQ(w.rank, 5);
  EXPECT_EQ(w.size, 8);
  EXPECT_EQ(w.local_rank, 1);
  EXPECT_FALSE(w.on_one_machine());
  EXPECT_EQ(w.address, "n0");
  EXPECT_EQ(w.port, 29400);
  EXPECT_EQ(w.meeting, Meeting::listener);
  EXPECT_EQ(w.launcher, "torchrun");
  Environment agent = base;
  agent["TORCHELASTIC_USE_AGENT_STORE"] = "True";
  agent["TORCHELASTIC_RUN_ID"] = "job";
  agent["TORCHELASTIC_RESTART_COUNT"] = "2";
  EXPECT_EQ(world_of(agent).meeting, Meeting::agent);
  EXPECT_EQ(world_of(agent).prefix, "groundglass/job/2/");
}

TEST(World, ReadsSlurmAndItsList) {
  const Environment base = {{"SLURM_PROCID", "3"},
                            {"SLURM_NTASKS", "4"},
                            {"SLURM_STEP_ID", "1"},
                            {"SLURM_LOCALID", "1"},
                            {"SLURM_STEP_NUM_NODES", "2"},
                            {"SLURM_JOB_ID", "1234567"},
                            {"SLURM_STEP_NODELIST", "gpu[07-08]"}};
  const World w = world_of(base);
  EXPECT_EQ(w.rank, 3);
  EXPECT_EQ(w.size, 4);
  EXPECT_EQ(w.local_rank, 1);
  EXPECT_EQ(w.address, "gpu07");
  EXPECT_GE(w.port, 20000);
  EXPECT_LE(w.port, 29999);
  EXPECT_EQ(w.launcher, "srun");
  Environment given = base;
  given["MASTER_ADDR"] = "other";
  given["MASTER_PORT"] = "4000";
  EXPECT_EQ(world_of(given).address, "other");
  EXPECT_EQ(world_of(given).port, 4000);
  Environment step = base;  // two ranks of an allocation for four
  step["SLURM_STEP_NUM_TASKS"] = "2";
  step["SLURM_PROCID"] = "1";
  EXPECT_EQ(world_of(step).size, 2);
}

TEST(World, ReadsBothKindsOfMpirun) {
  const World open = world_of({{"OMPI_COMM_WORLD_RANK", "1"},
                               {"OMPI_COMM_WORLD_SIZE", "2"},
                               {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                               {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(open.rank, 1);
  EXPECT_EQ(open.address, "127.0.0.1");
  EXPECT_TRUE(open.on_one_machine());
  const World hydra = world_of({{"PMI_RANK", "0"},
                                {"PMI_SIZE", "3"},
                                {"MPI_LOCALRANKID", "0"},
                                {"MASTER_ADDR", "head"},
                                {"MASTER_PORT", "5000"}});
  EXPECT_EQ(hydra.size, 3);
  EXPECT_EQ(hydra.address, "head");
  EXPECT_EQ(hydra.port, 5000);
}

// mpirun on several machines of Slurm starts its helpers by srun: their numbers are not the ranks'.
TEST(World, BelievesMpirunBeforeTheSrunThatStartedIt) {
  const World w = world_of({{"OMPI_COMM_WORLD_RANK", "6"},
                            {"OMPI_COMM_WORLD_SIZE", "8"},
                            {"MASTER_ADDR", "a1"},
                            {"SLURM_PROCID", "1"},
                            {"SLURM_NTASKS", "2"},
                            {"SLURM_STEP_ID", "0"},
                            {"SLURM_STEP_NODELIST", "a[1-2]"}});
  EXPECT_EQ(w.rank, 6);
  EXPECT_EQ(w.size, 8);
}

TEST(World, ReadsWhatProcessesSets) {
  const World w = world_of(environment_of_rank(2, 3, "/tmp/meeting"));
  EXPECT_EQ(w.rank, 2);
  EXPECT_EQ(w.size, 3);
  EXPECT_EQ(w.meeting, Meeting::file);
  EXPECT_EQ(w.file, "/tmp/meeting");
  EXPECT_TRUE(w.on_one_machine());
}

TEST(World, SaysWhatIsWrongWithTheEnvironment) {
  const auto refused = [](const Environment& e) {
    return complaint(ErrorKind::usage, [&] { world_of(e); });
  };
  EXPECT_EQ(refused({{"RANK", "two"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "a"}}),
            "environment variable RANK is 'two', expected a number from 0 to 3; start the ranks "
            "with one launcher");
  EXPECT_EQ(refused({{"RANK", "4"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "a"}}),
            "environment variable RANK is '4', expected a number from 0 to 3; start the ranks with "
            "one launcher");
  EXPECT_EQ(refused({{"RANK", "0"}, {"WORLD_SIZE", "4"}}),
            "environment variable MASTER_ADDR is missing beside RANK and WORLD_SIZE; start the "
            "ranks with torchrun");
  EXPECT_EQ(refused({{"RANK", "0"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "a"}}),
            "environment variable MASTER_PORT is missing beside those of torchrun; start the ranks "
            "with one launcher");
  EXPECT_EQ(refused({{"OMPI_COMM_WORLD_RANK", "0"},
                     {"OMPI_COMM_WORLD_SIZE", "4"},
                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}}),
            "mpirun has started 4 ranks on several machines and MASTER_ADDR is not set; give the "
            "name of rank 0's machine with mpirun -x MASTER_ADDR=NAME");
  EXPECT_EQ(refused({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "2"}, {"SLURM_STEP_ID", "0"}}),
            "environment variable SLURM_STEP_NODELIST is missing beside SLURM_STEP_ID; start the "
            "ranks with srun, or set MASTER_ADDR");
  EXPECT_EQ(refused({{"GROUNDGLASS_RANK", "0"}, {"GROUNDGLASS_WORLD_SIZE", "2"}}),
            "environment variable GROUNDGLASS_MEETING is missing beside GROUNDGLASS_RANK; these "
            "are set by --processes alone");
}

TEST(Hosts, AreExpandedAsSlurmWritesThem) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(expand_hosts("a"), Names({"a"}));
  EXPECT_EQ(expand_hosts("a,b-1"), Names({"a", "b-1"}));
  EXPECT_EQ(expand_hosts("a[1-3,7]"), Names({"a1", "a2", "a3", "a7"}));
  EXPECT_EQ(expand_hosts("a[08-10].x,b"), Names({"a08.x", "a09.x", "a10.x", "b"}));
  EXPECT_EQ(expand_hosts("r[1-2]n[1-2]"), Names({"r1n1", "r1n2", "r2n1", "r2n2"}));
  for (const char* wrong :
       {"", "a[", "a]", "a[1", "a[2-1]", "a[x]", "a[1-2-3]", "a b", "a,", "a[]"}) {
    EXPECT_EQ(complaint(ErrorKind::usage, [&] { expand_hosts(wrong); }),
              "the list of machines '" + std::string(wrong) +
                  "' is not one that Slurm writes, expected for example node[1-3,7]; set "
                  "MASTER_ADDR to the name of rank 0's machine")
        << wrong;
  }
}

}  // namespace
}  // namespace groundglass
