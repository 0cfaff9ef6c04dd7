// Ground glass and consolidation apart, as a user walks: phantom, inspect, prepare, train, predict,
// report, explain; and what is refused on the way.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kRecipe = R"([data]
mask = "classes"
labels = "classes"
classes = 3
[preprocess]
contrast = "none"
size = [32, 32]
[split]
folds = 2
[model]
name = "unet"
widths = [8, 16]
out_channels = 3
[loss]
terms = [{name = "cross_entropy", class_weights = [0.1, 1.0, 1.0]}, {name = "dice"}]
[train]
epochs = 3
steps_per_epoch = 20
batch_size = 4
learning_rate = 1e-2
monitor = "class_dice"
[evaluate]
class_names = ["ground glass", "consolidation"]
)";

class Classes : public ProgramTest {
 protected:
  void SetUp() override {
    write_file(folder / "r.toml", kRecipe);
    run("groundglass phantom data --cases 4 --slices 6 --side 64 --lesions 40 -q");
  }
  std::string text(const std::string& name) const { return read_file(folder / name); }

  /// What stderr says when a command is refused, which must be one line.
  std::string refusal(const std::string& command, int code) const {
    const std::string err = run("groundglass " + command + " -q", code).err;
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
    return err;
  }
};

TEST_F(Classes, WalkFromThePhantomToTheReport) {
  const json listed = json::parse(run("groundglass inspect data/cases.csv --mask classes --labels "
                                      "classes --classes 3 --json -q")
                                      .out);
  EXPECT_TRUE(listed["problems"].empty());
  run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
  const json set = json::parse(run("groundglass inspect set.ggset --json").out);
  EXPECT_EQ(set["mask_values"], "0 background, 1 ground glass, 2 consolidation; 255 ignored");
  for (const char* value : {"0", "1", "2"}) EXPECT_GT(set["mask_pixels"][value], 0) << value;

  const json table =
      json::parse(run("groundglass train r.toml --data set.ggset --fold all -o run --json -q").out);
  ASSERT_EQ(table["classes"].size(), 3U);
  EXPECT_EQ(table["classes"][0]["class"], "any");
  EXPECT_EQ(table["classes"][2]["name"], "consolidation");
  EXPECT_EQ(table["classes"][2]["folds"].size(), 2U);
  EXPECT_TRUE(table["folds"][0]["threshold"].is_null());
  EXPECT_TRUE(says(text("run/cross_validation.md"), {"| ground glass | all |", "| none |"}));
  EXPECT_TRUE(says(text("run/fold_0/progress.csv"), {"dice_class_1,dice_class_2"}));
  EXPECT_TRUE(says(text("run/fold_0/events.jsonl"), {"\"class_dice\":["}));
  const json test = json::parse(text("run/fold_0/test.json"));
  ASSERT_EQ(test["classes"].size(), 2U);
  EXPECT_EQ(test["classes"][1].size(), test["items"].size());

  run("groundglass predict data/cases.csv --model run/fold_0 -o out --overlay "
      "--save-probabilities --classes -q");
  int64_t of_class[2] = {0, 0}, any = 0;
  const json summary = json::parse(text("out/summary.json"));
  for (const auto& c : summary["cases"]) {
    any += c["lesion_pixels"].get<int64_t>();
    for (size_t k = 0; k < 2; ++k) of_class[k] += c["classes"][k]["pixels"].get<int64_t>();
  }
  EXPECT_EQ(of_class[0] + of_class[1], any);
  EXPECT_GT(any, 0) << "the small network should have learned something";
  for (const char* name : {"overlay", "probability", "probability_1", "probability_2"}) {
    EXPECT_TRUE(fs::exists(folder / ("out/case_001/z003_" + std::string(name) + ".png"))) << name;
  }
  const json mask = json::parse(run("groundglass inspect out/case_001/z003_mask.png --json").out);
  EXPECT_LE(mask["range"][1], 2);
  run("groundglass report out");
  EXPECT_TRUE(says(text("out/report.html"), {"ground glass in red, consolidation in yellow"}));
  run("groundglass report run --data set.ggset");
  EXPECT_TRUE(says(text("run/report.html"), {"Classes", "any infection", "consolidation"}));
  const json explained = json::parse(
      run("groundglass explain data/cases.csv --class 2 --limit 1 --model run/fold_0 -o out --json")
          .out);
  EXPECT_EQ(explained[0]["class"], 2);
  EXPECT_TRUE(says(refusal("explain data/cases.csv --class 3 --model run/fold_0 -o out", 2),
                   {"1 (ground glass)", "2 (consolidation)"}));
  EXPECT_TRUE(says(refusal("predict data/cases.csv --threshold 0.4 --model run/fold_0 -o out", 2),
                   {"--threshold", "2 classes"}));
  const json adapted = json::parse(
      run("groundglass adapt run/fold_0 --data set.ggset -o adapted -q --json --epochs 2 "
          "--set adapt.mode=paper --set adapt.stop_on=pseudo --set adapt.limit=0 "
          "--set adapt.min_pixels=1")
          .out);
  EXPECT_GT(adapted["rounds"][0]["chosen"].get<int>(), 0);
  run("groundglass predict data/cases.csv --model adapted -o out_adapted -q");
  EXPECT_TRUE(says(text("out_adapted/summary.json"), {"ground glass", "consolidation"}));
}

TEST_F(Classes, ReadVolumesOfTheSamePhantom) {
  run("groundglass phantom volumes --cases 2 --slices 4 --side 32 --format nifti --classes -q");
  run("groundglass prepare volumes --recipe r.toml -o volumes.ggset -q");
  const json set = json::parse(run("groundglass inspect volumes.ggset --json").out);
  EXPECT_EQ(set["slices"], 8);
  EXPECT_TRUE(says(refusal("phantom x --kind cxr --classes", 2), {"--classes", "--kind ct"}));
}

TEST_F(Classes, AreRefusedWhereMasksRecipeAndNetworkDisagree) {
  const auto prepare = [](const std::string& more) {
    return "prepare data/cases.csv --recipe r.toml -o x.ggset " + more;
  };
  const std::string two =
      run("groundglass " + prepare("--set data.classes=2 --set evaluate.class_names=[]") + " -q", 4)
          .err;
  EXPECT_TRUE(says(two, {"_class.png", "label 2", "below 2"}));
  const std::string binary =
      run("groundglass " + prepare("--set data.mask=infection") + " -q", 4).err;
  EXPECT_TRUE(says(binary, {"_infection.png", "255 and no class number", "'binary'"}));
  EXPECT_TRUE(says(refusal(prepare("--set 'evaluate.class_names=[\"a\"]'"), 3),
                   {"class_names holds 1", "expected 2"}));

  run("groundglass " + prepare("") + " -q");
  const auto train = [](const std::string& more) {
    return "train r.toml --data x.ggset -o run " + more;
  };
  EXPECT_TRUE(says(refusal(train("--set model.out_channels=1"), 3),
                   {"out_channels is 1", "3 classes", "out_channels = 3"}));
  EXPECT_TRUE(
      says(refusal(train("--set model.out_channels=4"), 3), {"out_channels is 4", "3 classes"}));
  EXPECT_TRUE(says(refusal(train("--set evaluate.threshold_from=validation"), 3),
                   {"threshold_from", "3 classes", "'fixed'"}));
  EXPECT_TRUE(says(refusal(train("--set 'loss.terms=[{name=\"cross_entropy\","
                                 "class_weights=[1.0,2.0]}]'"),
                           3),
                   {"class_weights holds 2", "expected 3"}));
  const std::string one_class =
      "--set data.labels=any --set model.out_channels=1 --set evaluate.class_names=[]";
  EXPECT_TRUE(says(refusal(train(one_class), 3), {"prepared set", "3 classes", "has 2"}));
  EXPECT_TRUE(says(refusal("train r.toml --data data/cases.csv -o any --set data.labels=any "
                           "--set evaluate.class_names=[]",
                           3),
                   {"out_channels is 3", "2 classes", "classes = 3"}));
}

}  // namespace
}  // namespace groundglass
