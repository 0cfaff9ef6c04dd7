// TorchScript files handed to the program: predicted with, measured, refused.
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

class TorchScriptProgram : public ProgramTest {
 protected:
  void refuses(const std::string& command, int code,
               std::initializer_list<std::string> words) const {
    const Outcome outcome = run(command, code);
    EXPECT_EQ(outcome.err.rfind("error: ", 0), 0U) << outcome.err;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
    EXPECT_TRUE(says(outcome.err, words));
  }
};

TEST_F(TorchScriptProgram, AnExportedNetworkGivesTheMasksOfItsRun) {
  write_small_recipe(folder / "r.toml");
  run("groundglass phantom data --cases 6 --slices 4 --side 64 -q");
  run("groundglass train r.toml --data data/cases.csv --fold 0 -o run -q");
  run("groundglass predict data/cases.csv --model run/fold_0 -o direct --save-probabilities -q");
  for (const std::string outputs : {"probabilities", "logits", "both"}) {
    run("groundglass export --model run/fold_0 -o net.pt --outputs " + outputs);
    const json summary = json::parse(
        run("groundglass predict data/cases.csv --model net.pt -o out --save-probabilities --json")
            .out);
    const json direct = json::parse(read_file(folder / "direct/summary.json"));
    EXPECT_EQ(summary["engine"], direct["engine"]);
    EXPECT_EQ(summary["threshold"], direct["threshold"]);
    EXPECT_EQ(summary["model"], "net.pt");
    run("rm out/summary.json && cp direct/summary.json out && diff -r direct out && rm -r out");
  }
  run("groundglass predict data/case_000/z002.png --model net.pt -o alone --engine libtorch");
  run("cmp alone/z002_mask.png direct/case_000/z002_mask.png");
  refuses("groundglass explain data/case_000/z002.png --model net.pt -o out", 5,
          {"net.pt", "can only be run", "run folder"});
  refuses("groundglass export --model net.pt -o net.onnx", 5, {"net.pt", "can only be run"});
  const std::string bytes = read_file(folder / "net.pt");
  write_file(folder / "half.pt", bytes.substr(0, bytes.size() / 2));
  refuses("groundglass predict data/case_000/z002.png --model half.pt -o out", 5,
          {"half.pt", "truncated"});
  refuses("groundglass bench --models half.pt", 5, {"half.pt", "truncated"});
}

TEST_F(TorchScriptProgram, AForeignFileIsMeasuredButNotPredictedWith) {
  run("groundglass export --model segnet_depth4 --random-weights -o net.pt");
  run("groundglass phantom data --cases 1 --slices 2 --side 64 -q");
  refuses("groundglass predict data/case_000/z000.png --model net.pt -o out", 5,
          {"net.pt", "no preprocessing notes", "bench --models"});
  const Outcome measured =
      run("groundglass bench --models net.pt --size 64x64 --batch 2 --repeats 2 --engine all "
          "--precision fp32 --json");
  EXPECT_TRUE(says(measured.err, {"net.pt gives 'probabilities'"}));
  const json rows = json::parse(measured.out);
  ASSERT_GE(rows.size(), 2U);
  EXPECT_EQ(rows[0]["model"], "net.pt");
  EXPECT_EQ(rows[0]["engine"], "libtorch");
  EXPECT_EQ(rows[1]["engine"], "plan");
  for (size_t i = 1; i < rows.size(); ++i) {
    EXPECT_GT(rows[i]["memory_mib"].get<double>(), 1) << rows[i];
    EXPECT_LT(rows[i]["memory_mib"], rows[i]["rss_mib"]) << rows[i];
  }
  EXPECT_GT(rows[1]["planned_mib"].get<double>(), 1);
  EXPECT_LT(rows[1]["planned_mib"], rows[1]["memory_mib"]);
  refuses("groundglass bench --models net.pt --size 60x60", 2, {"net.pt", "takes no image"});
  refuses("groundglass bench --models none.pt", 5, {"none.pt", "no such file"});
  const Outcome steps =
      run("groundglass bench --models net.pt --size 64x64 --repeats 1 --engine plan --explain");
  EXPECT_TRUE(says(steps.out, {"unpool, kernel", "convolution"}));
}

}  // namespace
}  // namespace groundglass
