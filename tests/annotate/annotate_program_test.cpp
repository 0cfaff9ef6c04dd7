// Rounds of annotation through the program: phantom to exported masks, kills in between, refusals.
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "tests/cli/run_program.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A phantom of 6 patients with 2 slices each, the last two patients without masks.
class Annotate : public testing::Test {
 protected:
  void SetUp() override {
    write_small_recipe(folder / "first.toml");
    std::string second = read_file(folder / "first.toml");
    second.replace(second.find("[4, 8, 8]"), 9, "[4, 4, 8]");
    write_file(folder / "second.toml", second);
    run("groundglass phantom data --cases 6 --slices 2 --side 64 -q");
    const CsvTable table = read_csv(folder / "data/cases.csv");
    const auto patient = static_cast<size_t>(table.column("patient")),
               mask = static_cast<size_t>(table.column("infection"));
    std::string part = csv_line(table.header), labelled = part;
    std::set<std::string> patients;
    for (const auto& row : table.rows) {
      auto cells = row.cells;
      patients.insert(cells[patient]);
      if (patients.size() > 4) {
        cells[mask] = "";
      } else {
        labelled += csv_line(cells);
      }
      part += csv_line(cells);
    }
    write_file(folder / "data/part.csv", part);
    write_file(folder / "data/labelled.csv", labelled);
  }
  Outcome run(const std::string& command, int code = 0) const {
    const Outcome outcome = run_shell(command, folder.path());
    EXPECT_EQ(outcome.code, code) << command << "\n" << outcome.err;
    return outcome;
  }
  json run_json(const std::string& command) const {
    return json::parse(run(command + " --json -q").out, nullptr, false);
  }
  ScratchFolder folder;
};

constexpr const char* kPropose =
    "groundglass annotate propose p --recipes first.toml,second.toml --epochs 1 --precision fp32";

TEST_F(Annotate, FromADataSetThroughBothStagesToAnother) {
  const json begun = run_json("groundglass annotate init data/part.csv -o p");
  EXPECT_EQ(begun["cases"], 12);
  EXPECT_EQ(begun["with_manual_mask"], 8);
  const json first = run_json(kPropose);
  EXPECT_EQ(first["round"], 1);
  EXPECT_EQ(first["cases"], 8);
  EXPECT_EQ(first["networks"], (json{"first", "second"}));
  EXPECT_TRUE(fs::exists(folder / "p/round_1/panels/case_000_z000.png"));
  EXPECT_TRUE(fs::exists(folder / "p/networks/round_1/first/fold_1/test.json"));

  const json played = run_json("groundglass annotate simulate p -o played --tau 0.9");
  EXPECT_EQ(played["cases"], 8);
  EXPECT_EQ(played["rows"].size(), 6U);
  const json read = run_json("groundglass annotate choose p played/choices.csv --annotator played");
  EXPECT_EQ(read["added"], 8);
  EXPECT_EQ(read["agreement"]["stage_1"]["choices"], 8);
  EXPECT_EQ(
      run_json("groundglass annotate choose p played/choices.csv --annotator played")["known"], 8);

  // Stage 2 trains on what was chosen and drawn, and proposes for the rest.
  const json second = run_json(
      "groundglass annotate propose p --stage 2 --recipes first.toml --epochs 1 --precision fp32");
  EXPECT_EQ(second["round"], 2);
  EXPECT_EQ(second["cases"], 4);
  EXPECT_TRUE(fs::exists(folder / "p/networks/round_2/first/weights.safetensors"));
  const json split = json::parse(read_file(folder / "p/networks/round_2/first/split.json"));
  EXPECT_EQ(split["train"].size() + split["val"].size(), 8U);
  run("sed 's/,A,,,,$/,A,A,,,/' p/round_2/choices.csv > filled.csv");
  EXPECT_EQ(run_json("groundglass annotate choose p filled.csv --annotator anna")["added"], 4);

  const json status = run_json("groundglass annotate status p");
  EXPECT_EQ(status["chosen_or_drawn"], 12);
  EXPECT_EQ(status["waiting"], 0);
  EXPECT_EQ(status["rounds"][0]["annotators"][0]["choices"], 8);
  EXPECT_TRUE(says(run("groundglass annotate status p").out,
                   {"12 cases", "round 2, stage 2: 1 networks, 4 proposals", "anna: 4 of 4"}));
  for (const char* layout : {"table", "nnunet", "monai-label"}) {
    const std::string out = std::string("out_") + layout;
    const json exported =
        run_json("groundglass annotate export p -o " + out + " --layout " + layout);
    EXPECT_EQ(exported["cases"], 12);
    EXPECT_GE(exported["sources"]["first"].get<int>(), 4);
    const std::string list = std::string(layout) == "nnunet" ? out : out + "/cases.csv";
    const json inspected = run_json("groundglass inspect " + list);
    EXPECT_EQ(inspected["images"], 12) << layout;
    EXPECT_TRUE(inspected["problems"].empty()) << layout;
  }
}

TEST_F(Annotate, AKilledProposalGoesOnToTheSamePanels) {
  run("groundglass annotate init data/part.csv -o whole -q");
  run("groundglass annotate init data/part.csv -o p -q");
  const std::string to_whole =
      std::string(kPropose).replace(std::string(kPropose).find(" p "), 3, " whole ");
  run(to_whole + " -q");
  for (const char* until :
       {"p/networks/round_1/first/fold_0/progress.csv",
        "p/proposals/round_1/first/case_000_z000.png",
        "p/networks/round_1/second/fold_1/progress.csv", "p/round_1/panels/case_000_z000.png"}) {
    run_shell(std::string(kPropose) + " -q & pid=$!; until [ -f " + until +
                  " ] || ! kill -0 $pid; do sleep 0.01; done; kill -KILL $pid; wait $pid",
              folder.path());
  }
  run(std::string(kPropose) + " -q");
  run("cmp p/key_round_1.csv whole/key_round_1.csv");
  run("cd whole && for f in $(find round_1 proposals -type f); do cmp $f ../p/$f || exit 1; done");
  const Outcome other = run("groundglass annotate propose p --recipes first.toml --epochs 1 -q", 0);
  EXPECT_EQ(run_json("groundglass annotate status p")["rounds"].size(), 2U) << other.err;
}

TEST_F(Annotate, SimulatesOnADataSetAtOnce) {
  const json played = run_json(
      "groundglass annotate simulate data/labelled.csv -o played --recipes first.toml,second.toml "
      "--epochs 1 --precision fp32 --noise 0.1 --seconds-per-drawing 100 --seconds-per-choice 10 "
      "--tau 0");
  EXPECT_EQ(played["rejected"], 0);
  EXPECT_EQ(played["seconds_by_hand"], 800);
  EXPECT_EQ(played["seconds_with_networks"], 80);
  EXPECT_EQ(played["options"]["noise"], 0.1);
  EXPECT_TRUE(says(run("groundglass annotate simulate played/project -o again").out,
                   {"| first | 8 |", "drawn in a hurry", "upper bound"}));
}

TEST_F(Annotate, TakesTrainedRunsOutOfFoldOnly) {
  run("groundglass annotate init data/labelled.csv -o p -q");
  run("groundglass train first.toml --data data/labelled.csv --fold all --epochs 1 -o folds -q");
  run("groundglass train first.toml --data data/labelled.csv --fold all --epochs 1 -o leaky -q "
      "--set split.mode=paper");
  const auto refused = [&](const std::string& words, int code = 4) {
    return run("groundglass annotate propose p -q " + words, code).err;
  };
  EXPECT_TRUE(says(refused("--runs leaky"), {"leaky", "out of fold"}));
  EXPECT_TRUE(says(refused("--runs folds/fold_0 --restart"),
                   {"fold_0: was tested on none of", "--fold all"}));
  EXPECT_TRUE(
      says(refused("--models folds/fold_0 --restart"), {"folds/fold_0: was trained on", "--runs"}));
  EXPECT_TRUE(says(refused("--runs data --restart", 5), {"data: holds no run"}));
  EXPECT_TRUE(says(refused("--runs folds", 2), {"round 1", "is unfinished", "--restart"}));
  const json round = run_json("groundglass annotate propose p --runs folds --restart");
  EXPECT_EQ(round["networks"], json{"folds"});
  EXPECT_EQ(round["cases"], 8);
  // A weights file tells nothing of its training: said, not refused.
  run("cp folds/fold_0/weights.safetensors w.safetensors");
  run("groundglass annotate init data/labelled.csv -o q -q");
  EXPECT_TRUE(says(run("groundglass annotate propose q --models w.safetensors").err,
                   {"warning: w.safetensors: does not tell what it was trained on"}));
  // In stage 2 the folds speak together.
  run("groundglass annotate init data/part.csv -o r -q");
  EXPECT_EQ(run_json("groundglass annotate propose r --stage 2 --runs folds")["cases"], 4);
  write_file(folder / "folds/fold_1/split.json", "[]");
  EXPECT_TRUE(says(refused("--runs folds,leaky", 5), {"fold_1/split.json: is no JSON object"}));
}

TEST_F(Annotate, RefusesBadInputWithTheRightCode) {
  const auto refused = [&](const std::string& words, int code) {
    return run("groundglass annotate " + words, code).err;
  };
  EXPECT_TRUE(says(refused("", 2), {"error: "}));
  EXPECT_TRUE(says(refused("status data", 4), {"holds no annotation.sqlite"}));
  EXPECT_TRUE(says(refused("init data/nowhere.csv -o p", 4), {"nowhere.csv"}));
  EXPECT_TRUE(says(refused("init data/part.csv -o p --mask liver", 4), {"no column 'liver'"}));
  EXPECT_TRUE(says(refused("init data/part.csv -o p --labels colours", 3), {"colours"}));
  EXPECT_TRUE(says(refused("init data/part.csv -o p --most 3", 2), {"--most", "--adaptation"}));
  EXPECT_TRUE(says(refused("init data/part.csv -o p --adaptation nowhere", 4),
                   {"pseudo_labels.csv: no such file"}));
  EXPECT_FALSE(fs::exists(folder / "p"));
  run("groundglass annotate init data/part.csv -o p -q");
  EXPECT_TRUE(says(refused("init data/labelled.csv -o p -q", 2), {"project of other cases"}));
  EXPECT_TRUE(says(refused("propose p", 2), {"no network is named"}));
  EXPECT_TRUE(says(refused("propose p --recipes nowhere.toml", 2), {"nowhere.toml"}));
  EXPECT_TRUE(says(refused("propose p --stage 3 --runs data", 2), {"--stage"}));
  EXPECT_TRUE(says(refused("propose p --recipes first.toml,./first.toml --restart", 2),
                   {"two networks are called 'first'"}));
  EXPECT_TRUE(says(refused("simulate p -o out", 4), {"no finished round of stage 1"}));
  EXPECT_TRUE(says(refused("simulate data/part.csv -o out --references data/part.csv", 2),
                   {"--references plays the stage 2 of a project"}));
  EXPECT_TRUE(says(refused("export p -o out", 4), {"no case has a chosen or drawn mask"}));
  EXPECT_TRUE(says(refused("export p -o out --layout dicom", 2), {"--layout 'dicom'"}));
  write_file(folder / "c.csv", "case,choice\ncase_000/z000,A\n");
  EXPECT_TRUE(says(refused("choose p c.csv --annotator anna", 4), {"no finished round"}));
  write_file(folder / "data/none.csv", "image\ncase_000/z000.png\n");
  run("groundglass annotate init data/none.csv -o q -q");
  EXPECT_TRUE(says(refused("propose q --recipes first.toml", 4), {"no case has a manual mask"}));
  EXPECT_TRUE(says(refused("propose q --stage 2 --recipes first.toml", 4),
                   {"no case has a mask to train on"}));
  // Slices of one patient on both sides would be no proposals out of fold.
  EXPECT_TRUE(says(run("groundglass annotate propose p --recipes first.toml --epochs 1 "
                       "--set split.mode=paper")
                       .err,
                   {"warning: first.toml: is trained with split.mode = strict"}));
  write_file(folder / "c.csv",
             "case,choice,mask\ncase_000/z000,Z,\nelsewhere,A,\ncase_000/z001,reject,no.png\n");
  EXPECT_TRUE(says(refused("choose p c.csv --annotator anna", 4),
                   {"c.csv: 3 problems", "choice 'Z', expected A and B or reject",
                    "unknown case 'elsewhere'", "no.png"}));
  EXPECT_EQ(run_json("groundglass annotate status p")["chosen_or_drawn"], 0);
}

}  // namespace
}  // namespace groundglass
