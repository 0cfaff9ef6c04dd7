// Searches of hyper-parameters through the program.
#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A phantom data set of 5 patients, a recipe, and a halving search of 4 trials.
class SearchProgram : public ProgramTest {
 protected:
  void SetUp() override {
    write_small_recipe(folder / "r.toml", "monitor = \"soft_dice\"\nschedule = \"cosine\"\n");
    write_file(folder / "s.toml", R"([search]
title = "Rates"
recipe = "r.toml"
strategy = "halving"
first = "recipe"
trials = 4
epochs = 4
min_epochs = 1
eta = 2
[[parameter]]
key = "train.learning_rate"
values = [1e-3, 3e-2, 1e-2]
[[parameter]]
key = "loss.terms"
values = [[{name = "dice"}], [{name = "cross_entropy", weight = 1e-3}, {name = "dice"}],
          [{name = "cross_entropy", weight = 1000}]]
labels = ["Dice", "both", "CE"]
)");
    run("groundglass phantom data --cases 5 --slices 5 --side 64 -q");
  }
  std::string text(const std::string& file) const { return read_file(folder / file); }
  /// --data, without -o.
  const std::string words = "groundglass search s.toml --data data/cases.csv --threads 1 ";
};

TEST_F(SearchProgram, LeavesTablesAndARecipeThatTrainTakes) {
  const json first = json::parse(run(words + "-o out --json -q").out);
  EXPECT_TRUE(first["finished"]);
  EXPECT_TRUE(first["test"].is_null());
  ASSERT_EQ(first["trials"].size(), 4U);
  EXPECT_EQ(first["trials"][0]["rungs"].size(), 3U);
  EXPECT_TRUE(says(first["caption"].get<std::string>(),
                   {"strict", "fold 0", "no test row was looked at", "4 trials", "soft_dice"}));
  for (const char* file : {"search.md", "search.csv", "search.json", "search.html", "best.toml"}) {
    EXPECT_TRUE(fs::exists(folder / ("out/" + std::string(file)))) << file;
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder / "out")) {
    EXPECT_NE(entry.path().filename(), "test.json");
  }
  // The score is the trainer's monitor, and the winner's is highest in its last rung.
  const std::string best = std::to_string(first["trials"][0]["trial"].get<int>());
  const CsvTable progress = read_csv(folder / ("out/trials/00" + best + "/fold_0/progress.csv"));
  double highest = -1;
  for (const auto& row : progress.rows) {
    highest =
        std::max(highest, std::stod(row.cells[static_cast<size_t>(progress.column("monitor"))]));
  }
  EXPECT_EQ(progress.rows.size(), 4U);
  EXPECT_DOUBLE_EQ(first["trials"][0]["score"].get<double>(), highest);
  const std::string last = std::to_string(first["trials"][3]["trial"].get<int>());
  EXPECT_EQ(read_csv(folder / ("out/trials/00" + last + "/fold_0/progress.csv")).rows.size(), 1U);

  const std::string table = text("out/search.csv");
  const json again = json::parse(run(words + "-o out --json -q --test").out);
  EXPECT_EQ(text("out/search.csv"), table);
  ASSERT_TRUE(again["test"].is_object());
  EXPECT_TRUE(says(text("out/search.md"), {"on the test rows, scored once"}));
  const auto tested = fs::last_write_time(folder / ("out/trials/00" + best + "/fold_0/test.json"));
  run(words + "-o out -q --test");
  EXPECT_EQ(fs::last_write_time(folder / ("out/trials/00" + best + "/fold_0/test.json")), tested);

  // The paused and resumed winner has the bits of one uninterrupted training of best.toml.
  run("groundglass train out/best.toml --data out/prepared_*/prepared.ggset --fold 0 --threads 1 "
      "-o run -q");
  EXPECT_EQ(text("run/fold_0/weights.safetensors"),
            text("out/trials/00" + best + "/fold_0/weights.safetensors"));
}

TEST_F(SearchProgram, TwoProcessesAndAKilledOneLeaveTheSameTable) {
  run(words + "-o one -q");
  run(words + "-o two -q & " + words + "-o two -q; wait");
  EXPECT_EQ(text("two/search.csv"), text("one/search.csv"));
  EXPECT_EQ(text("two/best.toml"), text("one/best.toml"));
  // Killed in the middle of each of the first trainings, with a second process beside the last.
  run("mkdir killed; cp -r one/prepared_* killed/\nfor i in 0 1 2; do\n" + words +
      "-o killed -q > /dev/null & p=$!\n"
      "for wait in $(seq 1000); do [ -e killed/trials/00$i/fold_0/recipe.toml ] && break\n"
      "sleep 0.02; done\nkill -9 $p; wait $p\ndone 2> /dev/null\n" +
      words + "-o killed -q & " + words + "-o killed -q; wait");
  EXPECT_TRUE(fs::exists(folder / "killed/trials/000/fold_0/claim.1"));  // taken over
  EXPECT_EQ(text("killed/search.csv"), text("one/search.csv"));
  EXPECT_EQ(text("killed/best.toml"), text("one/best.toml"));
}

TEST_F(SearchProgram, AStoppedSearchSaysHowToGoOn) {
  const Outcome stopped =
      run(words +
              "-o out > /dev/null & p=$!\nfor i in $(seq 200); do\n"
              "[ -e out/trials/000/fold_0/recipe.toml ] && break; sleep 0.02\ndone\n"
              "kill -TERM $p; wait $p",
          143);
  EXPECT_TRUE(says(stopped.err, {"the same command goes on in out"}));
  EXPECT_TRUE(says(run(words + "-o out").err, {"epochs, best so far trial", "to go"}));
  EXPECT_TRUE(says(run(words + "-o out --precision bf16 --set train.seed=4", 2).err,
                   {"out: holds another search", "choose another folder"}));
}

TEST_F(SearchProgram, ADivergedTrialIsARowWithItsReason) {
  // Weight decay of 1 at a rate of 100 makes each weight -99 times as large in each step.
  write_file(folder / "s.toml",
             "[search]\ntitle = \"Too far\"\nrecipe = \"r.toml\"\ntrials = 2\nepochs = 8\n"
             "set = ['loss.terms=[{name=\"cross_entropy\"}]', 'train.optimizer=sgd']\n"
             "[[parameter]]\nkey = \"train.learning_rate\"\nvalues = [1e-2, 100]\n"
             "[[parameter]]\nkey = \"train.weight_decay\"\nvalues = [1.0]\n");
  const json table = json::parse(run(words + "-o out -q --json").out);
  EXPECT_EQ(table["trials"][0]["status"], "ok");
  EXPECT_EQ(table["trials"][1]["status"], "failed");
  EXPECT_TRUE(says(table["trials"][1]["reason"].get<std::string>(), {"not a number", "epoch"}));
  EXPECT_TRUE(says(text("out/search.csv"), {"failed: the loss is not a number"}));
}

TEST_F(SearchProgram, RefusesAWrongKeyBeforeItTrains) {
  write_file(folder / "wrong.toml",
             "[search]\nrecipe = \"r.toml\"\n[[parameter]]\nkey = \"train.learning_rat\"\n"
             "low = 0.1\nhigh = 1\n");
  const std::string err = run("groundglass search wrong.toml --data data/cases.csv -o out", 3).err;
  EXPECT_TRUE(says(err, {"wrong.toml:4:7", "'learning_rat'", "did you mean 'learning_rate'?"}));
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1);
  EXPECT_FALSE(fs::exists(folder / "out"));
}

}  // namespace
}  // namespace groundglass
