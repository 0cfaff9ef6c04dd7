// Several networks through the program: two short trainings, their mean, and what uses it.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
using nlohmann::json;

class CombineProgram : public ProgramTest {
 protected:
  void SetUp() override {
    write_small_recipe(folder / "r.toml");
    run("groundglass phantom data --cases 8 --slices 4 --side 64 -q");
    run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
    const std::string train = "groundglass train r.toml --data set.ggset --epochs 1 -q -o ";
    run(train + "a");
    run(train + "b --set train.seed=2");
    run(train + "wide --set 'model.widths=[4, 8, 12]'");
  }
  std::string refusal(const std::string& runs) const {
    const std::string text =
        run("groundglass combine " + runs + " --data set.ggset -o both", 2).err;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    return text;
  }
};

TEST_F(CombineProgram, MakesOneNetworkThatTheOtherVerbsTake) {
  const json said = json::parse(run("groundglass combine a b --data set.ggset -o both --json").out);
  EXPECT_EQ(said["run"], "both");
  EXPECT_TRUE(said["test"].is_object());
  EXPECT_TRUE(says(run("groundglass combine a b --data set.ggset -o again").out,
                   {"again: threshold", "Dice"}));
  EXPECT_EQ(read_file(folder / "both/weights.safetensors"),
            read_file(folder / "again/weights.safetensors"));
  const std::string predict = "groundglass predict data/cases.csv -q --precision fp32 --model ";
  run(predict + "both -o plan --engine plan");
  run(predict + "both -o torch --engine libtorch");
  EXPECT_EQ(run("for f in $(ls plan | grep png); do cmp plan/$f torch/$f; done").out, "");
  run("groundglass export --model both -o both.safetensors -q");
  run("groundglass export --model both -o both.onnx -q");
  run(predict + "both.safetensors -o alone");
  EXPECT_TRUE(says(run("groundglass inspect both.safetensors").out, {"members"}));
}

TEST_F(CombineProgram, RefusesWhatDoesNotBelongTogether) {
  EXPECT_TRUE(says(refusal("a"), {"1 run", "two run folders"}));
  EXPECT_TRUE(says(refusal("a wide"), {"wide", "another network than a"}));
  EXPECT_TRUE(says(refusal("a nowhere"), {"nowhere", "split.json"}));
  const std::string text = run("groundglass combine a b --data set.ggset -o wide", 2).err;
  EXPECT_TRUE(says(text, {"wide", "holds a training", "another folder"}));
}

}  // namespace
}  // namespace groundglass
