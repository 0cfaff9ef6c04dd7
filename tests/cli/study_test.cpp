// Studies and cascades through the program.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A folder with a phantom data set of 4 patients, a recipe and a study of two rows.
class Study : public ProgramTest {
 protected:
  void SetUp() override {
    write_small_recipe(folder / "r.toml");
    write_file(folder / "study.toml", R"([study]
title = "Two losses"
[[row]]
name = "both"
recipe = "r.toml"
[[row]]
name = "Dice, alone"
recipe = "r.toml"
set = ['loss.terms=[{name="dice"}]', 'train.epochs=1']
)");
    run("groundglass phantom data --cases 4 --slices 5 --side 64 -q");
  }
};

TEST_F(Study, TrainsItsRowsAndWritesOneTable) {
  const std::string words = "groundglass study study.toml --data data/cases.csv --folds 1 -q ";
  const json first = json::parse(run(words + "--row 'Dice, alone' -o out --json").out);
  ASSERT_EQ(first["rows"].size(), 1U);
  const auto trained = fs::last_write_time(folder / "out/Dice_alone/fold_0/weights.safetensors");
  const json both = json::parse(run(words + "-o out --json").out);
  ASSERT_EQ(both["rows"].size(), 2U);
  EXPECT_EQ(both["rows"][1]["name"], "Dice, alone");
  EXPECT_EQ(both["rows"][1]["folds"][0], first["rows"][0]["folds"][0]);  // read back
  EXPECT_EQ(fs::last_write_time(folder / "out/Dice_alone/fold_0/weights.safetensors"), trained);
  EXPECT_TRUE(says(both["caption"].get<std::string>(), {"strict", "--folds 1", "commit"}));
  EXPECT_FALSE(fs::exists(folder / "out/both/fold_1"));
  for (const char* file : {"study.md", "study.csv", "study.json", "study.html"}) {
    EXPECT_TRUE(fs::exists(folder / ("out/" + std::string(file)))) << file;
  }
  const json paper = json::parse(run(words + "--mode paper --epochs 1 -o paper --json").out);
  EXPECT_TRUE(says(paper["caption"].get<std::string>(), {"Split mode paper"}));
}

/// The command between the backquotes of a caption.
std::string printed_command(const std::filesystem::path& table) {
  const std::string text = read_file(table);
  const size_t begin = text.find("`groundglass ");
  const size_t end = text.find('`', begin + 1);
  return begin == std::string::npos ? "none" : text.substr(begin + 1, end - begin - 1);
}

TEST_F(Study, APrintedCommandRepeatsTheRun) {
  write_file(folder / "search.toml", R"([search]
title = "Rates"
recipe = "r.toml"
trials = 2
epochs = 1
[[parameter]]
key = "train.learning_rate"
values = [1e-2, 1e-3]
)");
  const std::string common =
      " --data 'data/cases.csv' --seed 7 --precision fp32 --threads 1 -q -o 'an out' "
      "--set 'loss.terms=[{name = \"dice\", weight = 0.5}]' --set model.widths='[4, 8]'";
  struct Case {
    std::string words, name;
  };
  for (const Case& c : {Case{"train r.toml --fold all --epochs 1", "cross_validation"},
                        Case{"study study.toml --folds 1 --epochs 1 --row both", "study"},
                        Case{"search search.toml --test", "search"}}) {
    run("groundglass " + c.words + common);
    const std::string first = read_file(folder / ("an out/" + c.name + ".csv"));
    const std::string command = printed_command(folder / ("an out/" + c.name + ".md"));
    fs::remove_all(folder / "an out");
    run(command + " -q");
    EXPECT_EQ(read_file(folder / ("an out/" + c.name + ".csv")), first) << command;
    EXPECT_EQ(printed_command(folder / ("an out/" + c.name + ".md")), command);
    fs::remove_all(folder / "an out");
  }
}

TEST_F(Study, AFolderPreparedFromOtherDataIsRefused) {
  run("groundglass train r.toml --data data/cases.csv --fold 0 --epochs 1 -o run -q");
  run("groundglass phantom data --cases 5 --slices 5 --side 64 --seed 9 -q");
  EXPECT_TRUE(says(
      run("groundglass train r.toml --data data/cases.csv --fold 1 --epochs 1 -o run -q", 2).err,
      {"run/prepared.ggset", "other images", "choose another folder"}));
}

TEST_F(Study, RefusesWhatItCannotRun) {
  const std::string words = "groundglass study study.toml --data data/cases.csv -o out -q ";
  EXPECT_TRUE(says(run(words + "--row mine", 2).err, {"--row 'mine'", "both and Dice, alone"}));
  EXPECT_TRUE(says(run(words + "--mode loose", 3).err, {"loose", "paper", "strict"}));
  EXPECT_TRUE(says(run("groundglass study r.toml --data data/cases.csv -o out", 3).err,
                   {"r.toml", "no [study]", "train"}));
  EXPECT_TRUE(says(run("groundglass study no.toml --data data/cases.csv -o out", 2).err,
                   {"no.toml", "recipes/studies"}));
  write_file(folder / "kind.toml", "[study]\nkind = \"guess\"\n");
  EXPECT_TRUE(says(run("groundglass study kind.toml --data data/cases.csv -o out", 3).err,
                   {"guess", "rows"}));
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST_F(Study, ACascadeIsTrainedNetworkByNetworkAndPredicts) {
  write_file(folder / "chs.toml", R"([preprocess]
window_hu = [-1000, 400]
size = [32, 32]
[split]
folds = 2
[model]
name = "chs_net"
lung_widths = [4, 6]
infection_widths = [4, 6]
[cascade]
[loss]
terms = [{name = "cross_entropy", weight = 0.5}, {name = "squared_dice", weight = 0.5}]
[train]
epochs = 1
batch_size = 4
learning_rate = 1e-2
)");
  run("groundglass train chs.toml --data data/cases.csv --fold 0 -o run -q");
  for (const char* file : {"weights.safetensors", "test.json", "lung/weights.safetensors",
                           "infection/weights.safetensors", "gated.ggset"}) {
    EXPECT_TRUE(fs::exists(folder / ("run/fold_0/" + std::string(file)))) << file;
  }
  run("groundglass predict data/case_000/z002.png --model run/fold_0 -o out -q");
  EXPECT_TRUE(fs::exists(folder / "out/z002_mask.png"));
  const std::string set = "run/prepared.ggset", lungs = "run/lungs/prepared.ggset";
  EXPECT_TRUE(says(run("groundglass train chs.toml --data " + set + " -o other -q", 2).err,
                   {"prepared set", "--lung-data"}));
  run("groundglass train chs.toml --data " + set + " --lung-data " + lungs + " -o other -q");
  run("groundglass train chs.toml --data data/cases.csv --fold 0 -o made -q "
      "--set cascade.lung_mask=infection --set cascade.lung_labels=threshold_lungs");
  write_file(folder / "rows.toml",
             "[study]\ntitle = \"c\"\n[[row]]\nname = \"c\"\nrecipe = \"chs.toml\"\n");
  const json table = json::parse(
      run("groundglass study rows.toml --data data/cases.csv --folds 1 -o rows -q --json").out);
  ASSERT_EQ(table["rows"].size(), 2U);
  EXPECT_EQ(table["rows"][0]["name"], "c, lungs");
}

}  // namespace
}  // namespace groundglass
