// Several processes that train one network, as a user starts, stops and loses them.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// Debian's, which Debian's python3-torch belongs to.
const std::string kPython = "/usr/bin/python3";

class Processes : public ProgramTest {
 protected:
  void SetUp() override {
    write_small_recipe(folder / "r.toml");
    run("groundglass phantom data --cases 6 --slices 6 --side 64 -q && groundglass prepare "
        "data/cases.csv --recipe r.toml -o set.ggset -q");
  }

  /// Starts a long training of two ranks in the background, does `then` once the first step is
  /// done (its ranks are $r0 and $r1), and ends with the training's exit code.
  std::string disturbed(const std::string& then, const std::string& options = "") const {
    return "groundglass train r.toml --data set.ggset -o run -q --threads 1 --processes 2 --set "
           "train.checkpoint_minutes=0 --set train.epochs=400 " +
           options +
           " & parent=$!\n"
           "for i in $(seq 600); do [ -e run/state.safetensors ] && break; sleep 0.1; done\n"
           "set -- $(pgrep -P $parent | sort -n); r0=$1; r1=$2\n" +
           then + "\nwait $parent";
  }

  std::string weights_of(const std::string& run) const {
    return read_file(folder / (run + "/weights.safetensors"));
  }

  bool has(const std::string& program) const {
    return run_shell("command -v " + program, folder.path()).code == 0;
  }
};

TEST_F(Processes, TrainWhatOneProcessTrainsAndSpeakOnce) {
  const std::string train =
      "groundglass train r.toml --data set.ggset --json --threads 1 --precision fp32 -q ";
  const json alone = json::parse(run(train + "-o one").out);
  const Outcome two = run(train + "-o two --processes 2");
  EXPECT_EQ(two.err, "");
  const json together = json::parse(two.out);
  EXPECT_EQ(together["best_epoch"], alone["best_epoch"]);
  EXPECT_NEAR(together["test"]["pooled"]["soft_dice"].get<double>(),
              alone["test"]["pooled"]["soft_dice"].get<double>(), 1e-4);
  EXPECT_EQ(run("cd two && ls -A").out, run("cd one && ls -A").out);
  // a second time: the same bits
  run(train + "-o again --processes 2");
  EXPECT_EQ(weights_of("two"), weights_of("again"));
  // and the data set itself, prepared by rank 0 while the others wait
  run("groundglass train r.toml --data data/cases.csv -q --threads 1 -o whole --processes 3 --fold "
      "all");
  EXPECT_TRUE(fs::exists(folder / "whole/cross_validation.md"));
}

TEST_F(Processes, EndWhenOneIsKilledAndGoOnWithTheSameBits) {
  const Outcome killed = run(disturbed("kill -9 $r1"), 6);
  EXPECT_TRUE(says(killed.err, {"rank 1 of 2 is missing", "goes on from the last checkpoint",
                                "rank 1 of 2 was killed by signal 9"}))
      << killed.err;
  const std::string train =
      "groundglass train r.toml --data set.ggset -q --threads 1 --set train.checkpoint_minutes=0 "
      "--set train.epochs=12 ";
  fs::remove_all(folder / "run");
  run(disturbed("kill -9 $r0"), 6);
  run(train + "-o run --processes 2");
  run(train + "-o undisturbed --processes 2");
  EXPECT_EQ(weights_of("run"), weights_of("undisturbed"));
}

TEST_F(Processes, NameTheOneThatHangs) {
  const Outcome hung = run(disturbed("kill -STOP $r1", "--timeout 4"), 6);
  EXPECT_TRUE(says(hung.err, {"error: rank 1 of 2 is missing"})) << hung.err;
  EXPECT_EQ(run("pgrep -f 'train r.toml --data set.ggset -o run' || true").out, "");
}

TEST_F(Processes, StopTogetherOnASignalToOneAndGoOnWithAnotherNumber) {
  run(disturbed("kill -TERM $r1"), 143);
  const std::string train =
      "groundglass train r.toml --data set.ggset -q --set train.checkpoint_minutes=0 --set "
      "train.epochs=12 ";
  run(train + "-o run --resume");
  run(train + "-o alone");
  const json a = json::parse(read_file(folder / "run/test.json")),
             b = json::parse(read_file(folder / "alone/test.json"));
  EXPECT_EQ(a["items"].size(), b["items"].size());
  fs::remove_all(folder / "run");
  run(disturbed("kill -TERM $parent"), 143);  // the parent hands it on
}

TEST_F(Processes, AreRefusedInOneLine) {
  const std::string train = "groundglass train r.toml --data set.ggset -o run -q ";
  const auto refused = [&](const std::string& command, int code) {
    const Outcome outcome = run(command, code);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    return outcome.err;
  };
  EXPECT_TRUE(says(refused(train + "--processes 4097", 2), {"--processes 4097: expected 1 to"}));
  EXPECT_EQ(refused(train + "--timeout 0", 2), "error: --timeout 0: expected 1 to 86400 seconds\n");
  EXPECT_EQ(refused("RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=23457 " + train +
                        "--processes 3",
                    2),
            "error: --processes 3: torchrun has started 2 ranks already; leave --processes out\n");
  EXPECT_EQ(
      refused(
          "RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=23457 " + train + "--timeout 1",
          6),
      "error: rank 1 of 2 did not come to 127.0.0.1:23457 within 1 s; look at what they say, or "
      "give more time with --timeout\n");
  EXPECT_EQ(refused(train + "--processes 5", 3),
            "error: [train] batch_size is 4 and 5 processes share a batch, expected at least one "
            "slice for each; raise batch_size or start fewer\n");
  const auto by_hand = [&](const std::string& rank_1) {
    return "export WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=23459 LOCAL_WORLD_SIZE=2\n"
           "RANK=1 " +
           rank_1 + " & RANK=0 " + train + "\ncode=$?\nwait $!\n[ $? -eq $code ] && exit $code";
  };
  EXPECT_TRUE(says(refused(by_hand(train + "--set train.learning_rate=0.5"), 2),
                   {"rank 1 differs from rank 0 in the recipe, expected the same on all 2 ranks"}));
  // the rank that ends by itself has a code of its own; the other names it and ends with 6
  EXPECT_TRUE(says(
      refused("export WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=23460 LOCAL_WORLD_SIZE=2\n"
              "RANK=1 groundglass train r.toml --data missing -o run -q & RANK=0 " +
                  train + "\ncode=$?\nwait $!\n[ $? -eq 4 ] && exit $code",
              6),
      {"rank 1 of 2", "missing: no such file"}));
}

// No team: calls that share the folds of one cross-validation through claims, as tasks of a job
// array do; one is killed, and the others take its fold over.
TEST_F(Processes, ShareTheFoldsOfACrossValidation) {
  const std::string train =
      "groundglass train r.toml --data set.ggset --fold all -q --threads 1 --set split.folds=3 "
      "--set "
      "train.epochs=6 ";
  run(train + "-o one");
  run(train +
      "-o many & p=$!\n"
      "for i in $(seq 600); do [ -e many/fold_0/state.safetensors ] && break; sleep 0.02; "
      "done\nkill -9 $p; wait $p\n" +
      train + "-o many & " + train + "-o many; first=$?; wait $! && exit $first");
  EXPECT_TRUE(fs::exists(folder / "many/fold_0/claim.1"));  // taken over
  for (const char* fold : {"fold_0", "fold_1", "fold_2"}) {
    EXPECT_EQ(weights_of(std::string("one/") + fold), weights_of(std::string("many/") + fold));
  }
  EXPECT_TRUE(fs::exists(folder / "many/cross_validation.md"));
}

TEST_F(Processes, AreFoundUnderTorchrun) {
  if (run_shell(kPython + " -c 'import torch.distributed.run'", folder.path()).code != 0) {
    GTEST_SKIP() << "python3-torch is not installed";
  }
  const std::string torchrun =
      kPython +
      " -m torch.distributed.run --standalone --nproc_per_node 2 --max_restarts 1 "
      "--redirects 2 --tee 2 --log_dir logs --no_python ";
  const Outcome o = run(torchrun + "groundglass train r.toml --data set.ggset -o run --json -q");
  EXPECT_EQ(json::parse(o.out)["best_epoch"].is_number(), true);
  run("groundglass train r.toml --data set.ggset -o ours -q --processes 2 --threads 1");
  EXPECT_EQ(weights_of("run"), weights_of("ours"));
}

TEST_F(Processes, AreFoundUnderMpirun) {
  if (!has("mpirun")) GTEST_SKIP() << "openmpi-bin is not installed";
  const Outcome o =
      run("export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 MASTER_PORT=23461\n"
          "mpirun --oversubscribe -n 2 groundglass train r.toml --data set.ggset -o run --json -q "
          "--threads 1");
  EXPECT_TRUE(json::parse(o.out)["best_epoch"].is_number());
  run("groundglass train r.toml --data set.ggset -o ours -q --processes 2 --threads 1");
  EXPECT_EQ(weights_of("run"), weights_of("ours"));
}

}  // namespace
}  // namespace groundglass
