#include <filesystem>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

const char* const kSmall = R"(
[model]
name = "attention_unet"
widths = [4, 8]

[loss]
terms = [{name = "dice", weight = 0.25}, {name = "tversky", weight = 0.75, a_fn = 0.8}]
)";

std::string refusal_of_recipe(const std::string& text,
                              const std::vector<std::string>& overrides = {}) {
  return complaint(ErrorKind::recipe, [&] { parse_recipe(text, "r.toml", overrides); });
}

TEST(Recipe, KeepsDefaultsAndReadsValues) {
  const Recipe r = parse_recipe(std::string(kSmall) + "[train]\nlearning_rate = 1\n", "r.toml");
  EXPECT_EQ(r.train.epochs, 50);
  EXPECT_EQ(r.train.learning_rate, 1.0);  // a whole number is a fine number
  EXPECT_EQ(r.model.make()->stride(), 2);
  ASSERT_EQ(r.loss.size(), 2U);
  EXPECT_EQ(r.loss[1].first, 0.75);
  EXPECT_EQ(r.loss[1].second.name, "tversky");
}

TEST(Recipe, SaysHowItScores) {
  const Recipe r = parse_recipe(
      std::string(kSmall) +
          "[train]\nbatch_size = 3\nseed = 5\nloader_threads = 2\n[preprocess]\nnormalise = "
          "'zscore'\n[augment]\nrotate_deg = 7\n[evaluate]\nthreshold = 0.3\nviews = 4\n",
      "r.toml");
  const ScoreOptions o = r.scoring({torch::kCPU, torch::kBFloat16});
  EXPECT_EQ(o.loader.batch_size, 3);
  EXPECT_EQ(o.loader.seed, 5U);
  EXPECT_EQ(o.loader.threads, 2);
  EXPECT_EQ(o.loader.normalise, Normalise::zscore);
  EXPECT_EQ(o.loader.augment.rotate_deg, 7);
  EXPECT_FALSE(o.loader.vary);
  EXPECT_EQ(o.threshold, 0.3);
  EXPECT_EQ(o.views, 4);
  EXPECT_EQ(o.engine.precision, torch::kBFloat16);
}

TEST(Recipe, SaysHowADataSetIsPreparedForIt) {
  Recipe recipe;
  recipe.data.mask = "lesion";
  recipe.preprocess.size = {64, 32};
  recipe.evaluate.class_names = {"ground glass", "consolidation"};
  const PrepareJob job = recipe.preparing({}, "set.ggset", 3);
  EXPECT_EQ(job.data.mask, "lesion");
  EXPECT_EQ(job.preprocess.size, recipe.preprocess.size);
  EXPECT_EQ(job.preprocess_text, preprocess_text(recipe.preprocess));
  EXPECT_EQ(job.output, "set.ggset");
  EXPECT_EQ(job.threads, 3);
  EXPECT_EQ(job.class_names, recipe.evaluate.class_names);
}

TEST(Recipe, ThatComesWithTheProgramIsFoundByItsName) {
  const std::string file =
      (std::filesystem::path(GROUNDGLASS_SOURCE_DIR) / "recipes/ct_infection_deep.toml").string();
  const std::string resolved = read_recipe(file).resolved();
  EXPECT_EQ(read_recipe("ct_infection_deep").resolved(), resolved);
  EXPECT_EQ(read_recipe("ct_infection_deep.toml").resolved(), resolved);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { read_recipe("./ct_infection_deep"); }),
                   {"./ct_infection_deep: no such recipe"}))
      << "a path is a path";
}

TEST(Recipe, LiesOverItsBase) {
  const ScratchFolder folder;
  write_file(folder / "base.toml", std::string(kSmall) + R"(
[train]
epochs = 7
batch_size = 3
[expect]
columns = ["Dice"]
mean = [0.5]
)");
  write_file(folder / "middle.toml", "base = \"base.toml\"\n[train]\nepochs = 9\n");
  write_file(folder / "top.toml",
             "base = \"middle.toml\"\n[model]\nwidths = [4, 8, 16]\n"
             "[expect]\ncolumns = [\"IoU\", \"Dice\"]\nfold = [0.1, 0.2]\n");
  const Recipe r = read_recipe(folder.path() / "top.toml", {"train.seed=5"});
  EXPECT_EQ(r.train.epochs, 9);
  EXPECT_EQ(r.train.batch_size, 3);
  EXPECT_EQ(r.train.seed, 5);
  EXPECT_EQ(r.model.make()->stride(), 4);
  EXPECT_EQ(r.expect.rows.size(), 1U);
  EXPECT_EQ(r.expect.rows.at("fold"), (std::vector<double>{0.1, 0.2}));
  EXPECT_EQ(parse_recipe(r.resolved(), "again.toml").resolved(), r.resolved());
}

TEST(Recipe, SaysWhichBaseIsMissingOrGoesRound) {
  const ScratchFolder folder;
  write_file(folder / "a.toml", "base = \"b.toml\"\n");
  write_file(folder / "round.toml", "base = \"round.toml\"\n");
  write_file(folder / "wrong.toml", "base = 3\n");
  const auto text = [&](const char* name) {
    return complaint(ErrorKind::recipe, [&] { read_recipe(folder.path() / name); });
  };
  EXPECT_TRUE(says(text("a.toml"), {"a.toml:1:8", "there is no recipe", "b.toml"}));
  EXPECT_TRUE(says(text("round.toml"), {"round.toml:1:8", "more than 8 recipes"}));
  EXPECT_TRUE(says(text("wrong.toml"), {"wrong.toml:1:8", "base is no word"}));
}

TEST(Recipe, WritesWhatItReadsBack) {
  const Recipe r = parse_recipe(std::string(kSmall) + R"(
[paper]
title = "with \"quotes\" and a \\ stroke"
differs = ["one", "two"]
[preprocess]
window_hu = [-1000.5, 400]
[expect]
table = "T"
columns = ["a", "b"]
mean = [1, 0.5]
)",
                                "r.toml");
  const std::string text = r.resolved();
  EXPECT_EQ(parse_recipe(text, "resolved.toml").resolved(), text);
  EXPECT_TRUE(says(text, {"title = \"with \\\"quotes\\\"", "window_hu = [-1000.5, 400.0]",
                          "a_fn = 0.8", "a_fp = 0.3", "mean = [1.0, 0.5]", "epochs = 50"}));
}

TEST(Recipe, NamesLaterKeysInAPreparedSetOnlyWhereTheySayAnything) {
  PreprocessOptions options;
  const std::string plain = preprocess_text(options);
  for (const char* key : {"contrast_region", "mask = ", "lungs_from", "lungs_name"}) {
    EXPECT_EQ(plain.find(key), std::string::npos) << key;
  }
  options.mask = Mask::lungs;
  EXPECT_TRUE(says(preprocess_text(options), {"mask = \"lungs\"", "lungs_from = \"threshold\""}));
}

TEST(Recipe, PointsAtTheLineAndSaysWhatItWanted) {
  const std::string s = kSmall;
  EXPECT_EQ(refusal_of_recipe(s + "[train]\nlearning_rte = 0.1\n"),
            "r.toml:9:16: unknown key 'learning_rte' in [train]; did you mean 'learning_rate'?");
  EXPECT_EQ(refusal_of_recipe(s + "[train]\nepochs = 'many'\n"),
            "r.toml:9:10: 'epochs' is a string, expected a whole number (passes over the training "
            "entries)");
  EXPECT_EQ(refusal_of_recipe(s + "[train]\nepochs = 0\n"),
            "r.toml:9:10: 'epochs' is 0, expected 1 to 100000 (passes over the training entries)");
  EXPECT_EQ(refusal_of_recipe("[model]\nname = \"unet\"\nwidths = [4, 'x']\n" +
                              s.substr(s.find("[loss]"))),
            "r.toml:3:14: 'widths' holds a string, expected whole numbers");
  EXPECT_EQ(refusal_of_recipe(s + "[evaluate]\nviews = 3\n"),
            "r.toml: [evaluate] views is 3, expected 1, 2 or 4");
  EXPECT_EQ(refusal_of_recipe(s + "[trian]\n"),
            "r.toml:8:1: unknown section [trian]; did you mean 'train'?");
  EXPECT_TRUE(says(refusal_of_recipe(s + "[train\n"), {"r.toml:8:", "expected"}));
  EXPECT_TRUE(says(refusal_of_recipe(s + "[split]\nmode = \"fair\"\n"),
                   {"r.toml:9:8: 'mode' is 'fair', expected one of paper, strict"}));
  EXPECT_TRUE(says(refusal_of_recipe("train = 3\n" + s), {"r.toml:1:9", "'train' is no section"}));
}

TEST(Recipe, IsRefusedInOneLineWhereALineEndsTooEarly) {
  EXPECT_EQ(refusal_of_recipe("a = n\n"),
            "r.toml:1:6: Error while parsing floating-point: expected 'nan', saw 'n\\n'");
  EXPECT_EQ(refusal_of_recipe("a = tr\r\n").find('\n'), std::string::npos);
}

TEST(Recipe, RefusesWordsThatStandForNothingAndListsThoseThatDo) {
  const std::vector<std::vector<std::string>> wrong = {
      {"preprocess", "units", "HU", "hu"},
      {"preprocess", "crop", "lung", "lungs"},
      {"preprocess", "gray_window", "x", "tissue"},
      {"preprocess", "contrast", "clache", "clahe"},
      {"preprocess", "contrast_region", "lung", "lungs"},
      {"preprocess", "mask", "body", "lungs"},
      {"preprocess", "lungs_from", "table", "column"},
      {"preprocess", "resize", "cubic", "area"},
      {"preprocess", "normalise", "half", "zscore"},
      {"augment", "mode", "ofline", "offline"},
      {"augment", "border", "reflect", "nearest"},
      {"split", "mode", "random", "strict"},
      {"split", "rows", "infected", "with_lesion"},
      {"split", "rows", "bright", "not_dark"},
      {"data", "labels", "class", "classes"},
      {"train", "optimizer", "lamb", "adam"},
      {"train", "schedule", "cos", "cosine"},
      {"train", "sampling", "fair", "domains"},
      {"train", "monitor", "loss", "soft_dice"},
      {"train", "patience_on", "loss", "validation_loss"},
      {"train", "norm_statistics", "exact", "re-estimated"},
      {"evaluate", "threshold_from", "test", "validation"},
      {"paper", "follows", "figure", "code"},
      {"adapt", "mode", "loose", "strict"},
      {"adapt", "certainty", "entropy", "agreement"},
      {"adapt", "spread", "domains", "patients"},
      {"adapt", "labels", "fuzzy", "balanced"},
      {"adapt", "stop_on", "target", "pseudo"},
      {"adapt", "batch_norm", "drop", "keep"}};
  for (const auto& word : wrong) {
    EXPECT_TRUE(says(
        refusal_of_recipe("[" + word[0] + "]\n" + word[1] + " = \"" + word[2] + "\"\n" + kSmall),
        {"r.toml:2:", in_quotes(word[1]) + " is " + in_quotes(word[2]), word[3]}));
  }
}

TEST(Recipe, LooksAtEachNumberOfAList) {
  EXPECT_TRUE(says(refusal_of_recipe(std::string("[preprocess]\nsize = [64, 4]\n") + kSmall),
                   {"r.toml:2:", "'size' is 4", "expected 8 to 4096"}));
}

TEST(Recipe, NamesTheNearestModelAndLoss) {
  const std::string loss = "[loss]\nterms = [{name = \"dice\"}]\n";
  EXPECT_TRUE(
      says(refusal_of_recipe("[model]\nname = \"attention_unt\"\n" + loss),
           {"r.toml:2:8", "unknown model 'attention_unt'", "did you mean 'attention_unet'"}));
  EXPECT_TRUE(says(refusal_of_recipe("[model]\nwidths = [1]\n" + loss), {"[model] has no name"}));
  EXPECT_TRUE(
      says(refusal_of_recipe("[model]\nname = \"unet\"\n[loss]\nterms = [{name = \"dyce\"}]\n"),
           {"r.toml:4:18", "unknown loss 'dyce'", "did you mean 'dice'"}));
  EXPECT_TRUE(
      says(refusal_of_recipe(
               "[model]\nname = \"unet\"\n[loss]\nterms = [{name = \"dice\", a_fn = 1.0}]\n"),
           {"unknown key 'a_fn' in [loss.terms]"}));
  EXPECT_TRUE(
      says(refusal_of_recipe("[model]\nname = \"unet\"\n[loss]\n"), {"[loss] has no terms"}));
  EXPECT_TRUE(says(refusal_of_recipe("[model]\nname = \"unet\"\n" + loss + "weight = 2\n"),
                   {"unknown key 'weight' in [loss]"}));
  EXPECT_TRUE(says(refusal_of_recipe("[model]\nname = \"unet\"\ngate_align = \"up_g\"\n" + loss),
                   {"unknown key 'gate_align' in [model]"}));
  EXPECT_TRUE(
      says(refusal_of_recipe("[model]\nname = \"attention_unet\"\ngate_align = \"up\"\n" + loss),
           {"r.toml:3:14", "'gate_align' is 'up', expected one of stride_x and up_g"}));
}

TEST(Recipe, RefusesExpectationsOfUnequalLength) {
  EXPECT_TRUE(
      says(refusal_of_recipe(std::string(kSmall) + "[expect]\ncolumns = [\"a\"]\nmean = [1, 2]\n"),
           {"r.toml:10", "'mean' has 2 numbers, expected 1"}));
}

TEST(Recipe, TakesOverrides) {
  const Recipe r = parse_recipe(kSmall, "r.toml",
                                {"train.epochs=3", "split.mode=paper", "preprocess.size=[64, 96]",
                                 "evaluate.threshold=0.25"});
  EXPECT_EQ(r.train.epochs, 3);
  EXPECT_EQ(r.split.mode, SplitMode::paper);
  EXPECT_EQ(r.preprocess.size, (std::vector<int64_t>{64, 96}));
  EXPECT_EQ(r.evaluate.threshold, 0.25);
  EXPECT_TRUE(says(refusal_of_recipe(kSmall, {"train.epohcs=3"}),
                   {"--set", "epohcs", "did you mean 'epochs'"}));
  EXPECT_TRUE(says(refusal_of_recipe(kSmall, {"train.epochs=-3"}), {"--set", "'epochs' is -3"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { parse_recipe(kSmall, "r", {"epochs=3"}); }),
                   {"--set 'epochs=3'", "section.key=value"}));
}

TEST(Recipe, ComputesTheWeightedSumOfItsTerms) {
  const Recipe r = parse_recipe(kSmall, "r.toml");
  const auto logits = torch::randn({2, 1, 8, 8});
  const auto target = torch::randint(0, 2, {2, 8, 8}, torch::kUInt8);
  const double sum = 0.25 * r.loss[0].second.function(logits, target).item<double>() +
                     0.75 * r.loss[1].second.function(logits, target).item<double>();
  EXPECT_NEAR(r.loss_function()(logits, target).item<double>(), sum, 1e-6);
}

TEST(Recipe, RefusesAFileThatIsNotThere) {
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { read_recipe("nowhere.toml"); }),
                   {"nowhere.toml", "no such recipe"}));
}

TEST(Recipes, OfPaper000HoldsThePapersNumbers) {
  const Recipe r = read_recipe(std::filesystem::path(GROUNDGLASS_SOURCE_DIR) /
                               "recipes/attention_unet_2026.toml");
  EXPECT_EQ(count_parameters(*r.model.make()).total(), 11'883'022);
  EXPECT_EQ(r.train.batch_size, 16);
  EXPECT_EQ(r.train.epochs, 50);
  EXPECT_EQ(r.train.learning_rate, 1e-4);
  EXPECT_EQ(r.train.adam_eps, 1e-7);
  EXPECT_EQ(r.preprocess.clahe_clip, 2.0);
  EXPECT_EQ(r.expect.rows.at("mean").front(), 0.8297);
}

}  // namespace
}  // namespace groundglass
