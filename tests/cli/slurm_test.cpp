// Ranks and job arrays under a real Slurm, which the test starts on the loopback and ends.
#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class SlurmSweep : public ProgramTest {
 protected:
  void SetUp() override {
    const Outcome started =
        run_shell(project_path("tools/slurm_loopback") + " true", folder.path());
    if (started.code == 77) GTEST_SKIP() << "Slurm is not here: " << started.err;
    ASSERT_EQ(started.code, 0) << started.err;
    write_small_recipe(folder / "r.toml");
    run("groundglass phantom data --cases 6 --slices 6 --side 64 -q && groundglass prepare "
        "data/cases.csv --recipe r.toml -o set.ggset -q");
  }

  /// Runs a script while Slurm runs.
  Outcome under_slurm(const std::string& script) const {
    write_file(folder / "steps.sh", "set -u\n" + script);
    return run(project_path("tools/slurm_loopback") + " bash steps.sh");
  }

  std::string weights_of(const std::string& run) const {
    return read_file(folder / (run + "/weights.safetensors"));
  }
};

const std::string kTrain =
    "groundglass train r.toml --data set.ggset -q --threads 1 --set train.checkpoint_minutes=0 ";
const std::string kTwoRanks = "srun --ntasks 2 --overcommit ";

TEST_F(SlurmSweep, TwoRanksTrainWhatTwoProcessesTrain) {
  under_slurm(kTwoRanks + kTrain + "-o run\n");
  run(kTrain + "-o ours --processes 2");
  EXPECT_EQ(weights_of("run"), weights_of("ours"));
  EXPECT_EQ(run("cd run && ls -A").out, run("cd ours && ls -A").out);
}

// The epochs of the second part follow from where the first was killed, on a machine of any speed.
TEST_F(SlurmSweep, ARankIsKilledAndTheRunGoesOnWithTheSameBits) {
  under_slurm(kTwoRanks + kTrain +
              "-o run --set train.epochs=100000 2> first.err & job=$!\n"
              "for i in $(seq 3000); do [ -s run/events.jsonl ] && break; sleep 0.1; done\n"
              "kill -9 $(scontrol listpids | awk '$5 == 1 {print $1}')\n"
              "wait $job && exit 1\n"
              "echo $(($(wc -l < run/events.jsonl) + 3)) > epochs\n" +
              kTwoRanks + kTrain + "-o run --set train.epochs=$(cat epochs)\n");
  EXPECT_TRUE(says(read_file(folder / "first.err"), {"error: rank 1 of 2 is missing"}))
      << read_file(folder / "first.err");
  run(kTrain + "-o undisturbed --processes 2 --set train.epochs=$(cat epochs)");
  EXPECT_EQ(weights_of("run"), weights_of("undisturbed"));
}

// What an administrator or a machine that went down does to a job: it is ended and queued again.
TEST_F(SlurmSweep, ARequeuedJobGoesOnWithTheSameBits) {
  write_file(folder / "job.sh",
             "#!/bin/bash\n"
             "epochs=100000\n"
             "if [ -n \"${SLURM_RESTART_COUNT:-}\" ]; then\n"
             "  echo $(($(wc -l < run/events.jsonl) + 3)) > epochs\n"
             "  epochs=$(cat epochs)\n"
             "fi\n" +
                 kTwoRanks + kTrain + "-o run --set train.epochs=$epochs\n");
  under_slurm(
      "job=$(sbatch --parsable --requeue --open-mode append -o job.log job.sh)\n"
      "for i in $(seq 3000); do [ -s run/events.jsonl ] && break; sleep 0.1; done\n"
      "scontrol requeue $job\n"
      // Slurm lets a requeued job wait for a while unless it is told to begin.
      "for i in $(seq 3000); do [ -e epochs ] && break; "
      "scontrol update JobId=$job StartTime=now 2>/dev/null; sleep 0.1; done\n"
      "for i in $(seq 3000); do [ -z \"$(squeue -h -j $job 2>/dev/null)\" ] && break; sleep 0.1; "
      "done\n");
  ASSERT_TRUE(fs::exists(folder / "epochs")) << read_file(folder / "job.log");
  run(kTrain + "-o undisturbed --processes 2 --set train.epochs=$(cat epochs)");
  EXPECT_EQ(weights_of("run"), weights_of("undisturbed")) << read_file(folder / "job.log");
}

TEST_F(SlurmSweep, AJobArraySharesTheFoldsOfACrossValidation) {
  const std::string folds = kTrain + "--fold all --set split.folds=3 --set train.epochs=6 ";
  // One task is lost in its first fold; the others take it over.
  under_slurm("sbatch --array 0-2 --wait -o log.%a --wrap '" + folds +
              "-o many' & sbatch=$!\n"
              "for i in $(seq 3000); do [ -e many/fold_0/state.safetensors ] && break; sleep 0.05; "
              "done\n"
              "scancel --signal KILL --full $(squeue -h -o %F | head -1)_0\n"
              "wait $sbatch\n"
              "srun --ntasks 1 " +
              folds + "-o many\n");
  run(folds + "-o one");
  for (const char* fold : {"fold_0", "fold_1", "fold_2"}) {
    EXPECT_EQ(weights_of(std::string("one/") + fold), weights_of(std::string("many/") + fold));
  }
  EXPECT_TRUE(fs::exists(folder / "many/cross_validation.md"));
}

}  // namespace
}  // namespace groundglass
