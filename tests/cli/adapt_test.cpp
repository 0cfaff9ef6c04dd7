// Adaptation through the program: a phantom's one scanner to its other, and the study of both.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/csv.h"
#include "groundglass/core/files.h"
#include "tests/cli/bmp_picture.h"
#include "tests/cli/program_test.h"
#include "tests/cli/small_recipe.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// A phantom of 12 patients of two windows.
class AdaptationStudyProgram : public ProgramTest {
 protected:
  void SetUp() override {
    write_small_recipe(folder / "r.toml");
    run("groundglass phantom data --cases 12 --slices 4 --side 64 -q");
    run("groundglass prepare data/cases.csv --recipe r.toml -o set.ggset -q");
  }
  std::string far() const { return "phantom_lung_window"; }
};

/// And a network trained on the wide one.
class AdaptProgram : public AdaptationStudyProgram {
 protected:
  void SetUp() override {
    AdaptationStudyProgram::SetUp();
    run("groundglass train r.toml --data set.ggset --epochs 4 -o source -q "
        "--set 'split.train_domains=[\"phantom_wide_window\"]' --set split.mode=shares "
        "--set train.steps_per_epoch=20");
  }
  std::string adapt_words(const std::string& more = "") const {
    return "groundglass adapt source --data set.ggset --domain " + far() +
           " --source set.ggset -q --set adapt.limit=0 --set adapt.min_pixels=1 " + more;
  }
};

TEST_F(AdaptProgram, FromATrainedRunToAnAdaptedOneThatPredicts) {
  const json done = json::parse(run(adapt_words("-o run --json")).out);
  EXPECT_EQ(done["mode"], "strict");
  EXPECT_EQ(done["rounds"][0]["slices"], 24);
  EXPECT_EQ(done["rounds"][0]["asked"], 5);
  EXPECT_EQ(done["after"]["slices"], 24);
  EXPECT_EQ(done["not_labelled"]["after"]["slices"], 24 - done["rounds"][0]["chosen"].get<int>());
  run("groundglass predict data/cases.csv --model run -o out -q");
  EXPECT_TRUE(fs::exists(folder / "out/summary.json"));
  EXPECT_TRUE(says(run(adapt_words("-o run")).out, {"pseudo-labelled", "before", "without a"}));
  run("groundglass report run --data set.ggset");
  // A network without a cut-off above which anything lies chooses nothing, and leaves nothing.
  EXPECT_TRUE(says(run("groundglass adapt source --data set.ggset --domain " + far() +
                           " --source set.ggset -q --set adapt.limit=1 -o none",
                       4)
                       .err,
                   {"error: no slice of the target is pseudo-labelled", "adapt.limit"}));
  EXPECT_FALSE(fs::exists(folder / "none"));
}

TEST_F(AdaptProgram, SaysInOneLineWhatItCannotDo) {
  const std::string words = "groundglass adapt source --data set.ggset -q -o no ";
  EXPECT_TRUE(
      says(run(words + "--source set.ggset", 4).err, {"patients", "trained on", "--domain"}));
  EXPECT_TRUE(says(run(words + "--domain nowhere", 2).err, {"'nowhere'", far()}));
  EXPECT_TRUE(says(run(words + "--domain " + far(), 2).err, {"--source", "adapt.stop_on=pseudo"}));
  EXPECT_TRUE(
      says(run(words + "--set model.widths=[2,2]", 2).err, {"[adapt], [train] and [augment]"}));
  EXPECT_TRUE(
      says(run(words + "--set adapt.shares=1", 3).err, {"'shares'", "did you mean 'share'"}));
  EXPECT_TRUE(says(run(words + "--set adapt.labels=fuzzy", 3).err, {"fuzzy", "balanced"}));
  run("groundglass prepare data/cases.csv --recipe r.toml -o other.ggset -q --set "
      "preprocess.window_hu=[-500,500]");
  EXPECT_TRUE(says(run("groundglass adapt source --data other.ggset -q -o no", 3).err,
                   {"other [preprocess] options"}));
  run("cp source/weights.safetensors alone.safetensors");
  EXPECT_TRUE(says(
      run("groundglass adapt alone.safetensors --data set.ggset --source set.ggset -q -o no", 5)
          .err,
      {"split.json", "name a run folder"}));
  EXPECT_FALSE(fs::exists(folder / "no"));
}

TEST_F(AdaptProgram, AKilledAdaptationGoesOn) {
  const std::string more = "--set adapt.rounds=2 --epochs 6 --set train.steps_per_epoch=10 ";
  run(adapt_words(more + "-o whole"));
  for (const std::string signal : {"TERM", "KILL", "INT"}) {
    run_shell(adapt_words(more + "-o parts") +
                  " & pid=$!; for i in $(seq 400); do [ -f parts/round_1/progress.csv ] && break; "
                  "sleep 0.02; done; sleep 0.2; kill -" +
                  signal + " $pid; wait $pid",
              folder.path());
  }
  run(adapt_words(more + "-o parts"));
  // The files themselves name the folder they began in; what the networks say is the same.
  const auto scores = [&](const std::string& name) {
    return json::parse(read_file(folder / (name + "/adaptation.json")))["after"];
  };
  EXPECT_EQ(scores("whole"), scores("parts"));
  EXPECT_FALSE(scores("whole")["pooled"]["soft_dice"].is_null());
}

TEST_F(AdaptProgram, APlainListOfPicturesNeedsNoMasks) {
  const CsvTable table = read_csv(folder / "data/cases.csv");
  std::string bare = "image\n";
  for (const auto& row : table.rows) {
    bare += row.cells[static_cast<size_t>(table.column("image"))] + "\n";
  }
  write_file(folder / "data/bare.csv", bare);
  const json done = json::parse(
      run("groundglass adapt source --data data/bare.csv -q --json -o run --set adapt.mode=paper "
          "--set adapt.stop_on=pseudo --set adapt.limit=0 --set adapt.min_pixels=1")
          .out);
  EXPECT_TRUE(done["before"].is_null());
  EXPECT_EQ(done["rounds"][0]["slices"], 48);
  EXPECT_TRUE(fs::exists(folder / "run/weights.safetensors"));
}

TEST_F(AdaptationStudyProgram, ComparesDomainsAndOptions) {
  write_file(folder / "study.toml", R"([study]
kind = "adaptation"
title = "two windows"
[adaptation]
recipe = "r.toml"
set = ["train.steps_per_epoch=10"]
seeds = 1
paper_names = ["phantom_wide_window=A", "phantom_lung_window=B"]
adapt_set = ["adapt.limit=0", "adapt.min_pixels=1"]
[[ablation]]
name = "alone"
adapts = false
[[ablation]]
name = "gray"
set = ["adapt.labels=band"]
source_set = ["augment.curve_probability=0.5"]
[expect]
A_B = [0.7, 0.06, 0.99, 0.001, 0.68, 0.09, 0.73, 0.02, 0.99, 0.001, 0.77, 0.03]
)");
  const std::string words = "groundglass study study.toml --data set.ggset -q -o out ";
  const json strict = json::parse(run(words + "--json").out);
  EXPECT_EQ(strict["transfers"].size(), 4U);
  EXPECT_EQ(strict["ablation"].size(), 2U);
  for (const char* file : {"study.md", "study.csv", "study.json", "study.html"}) {
    EXPECT_TRUE(fs::exists(folder / ("out/" + std::string(file)))) << file;
  }
  EXPECT_TRUE(
      says(read_file(folder / "out/study.md"),
           {"0.700 +- 0.060", "Slices without a pseudo-label", "CI < .50", "validation patients"}));
  const json again = json::parse(run(words + "--json").out);  // read back
  EXPECT_EQ(again, strict);
  EXPECT_TRUE(says(
      run("groundglass study study.toml --data set.ggset -q -o paper --mode paper --row table").out,
      {"Dice before and after"}));
  EXPECT_EQ(read_file(folder / "paper/study.md").find("without a pseudo"), std::string::npos);
  EXPECT_TRUE(says(run(words + "--row nothing", 2).err, {"'nothing'", "table, alone and gray"}));
}

TEST_F(AdaptationStudyProgram, RefusesWhatItCannotCompare) {
  const auto refused = [&](const std::string& more, int code) {
    write_file(folder / "study.toml",
               "[study]\nkind = \"adaptation\"\n[adaptation]\nrecipe = \"r.toml\"\n" + more);
    const std::string text =
        run("groundglass study study.toml --data set.ggset -q -o out", code).err;
    EXPECT_FALSE(fs::exists(folder / "out"));
    return text;
  };
  EXPECT_TRUE(says(refused("domains = [\"phantom_wide_window\"]", 4), {"at least two"}));
  EXPECT_TRUE(says(refused("domains = [\"a\", \"b\"]", 4), {"no domain 'a'"}));
  EXPECT_TRUE(says(refused("slices = \"some\"", 3), {"some", "infected"}));
  EXPECT_TRUE(says(refused("ablation_pairs = [\"a>b\"]", 3), {"'a>b'", "source>target"}));
  EXPECT_TRUE(says(refused("[[ablation]]\nname = \"a/b\"", 3), {"'a/b'", "without / and ."}));
  EXPECT_TRUE(says(refused("[ablation]\nname = \"a\"", 3), {"[[ablation]]"}));
  EXPECT_TRUE(says(refused("[expect]\nA_B = [0.7]", 3), {"'A_B' has 1 numbers", "expected 12"}));
  EXPECT_TRUE(says(refused("[other]\na = 1", 3), {"unknown section 'other'"}));
}

TEST_F(AdaptationStudyProgram, RefusesADomainWithoutAnyLesion) {
  write_file(folder / "data/empty.bmp", bmp_picture([](uint32_t) { return 0; }));
  const CsvTable table = read_csv(folder / "data/cases.csv");
  std::string clean = "image,infection,domain,patient\n";
  for (const auto& row : table.rows) {
    const auto cell = [&](const char* name) {
      return row.cells[static_cast<size_t>(table.column(name))];
    };
    const bool empty = cell("domain") == far();
    clean += csv_line(
        {cell("image"), empty ? "empty.bmp" : cell("infection"), cell("domain"), cell("patient")});
  }
  write_file(folder / "data/clean.csv", clean);
  run("groundglass prepare data/clean.csv --recipe r.toml -o clean.ggset -q");
  write_file(folder / "study.toml",
             "[study]\nkind = \"adaptation\"\n[adaptation]\nrecipe = \"r.toml\"\n");
  EXPECT_TRUE(says(run("groundglass study study.toml --data clean.ggset -q -o out", 4).err,
                   {far(), "no lesion in any of its 24 slices"}));
  EXPECT_FALSE(fs::exists(folder / "out"));
}

}  // namespace
}  // namespace groundglass
