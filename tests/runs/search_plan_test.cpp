#include <set>

#include <gtest/gtest.h>

#include "groundglass/core/text.h"
#include "tests/complaint.h"
#include "tests/runs/small_search.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

std::string refusal_of_search(const std::string& text,
                              const std::vector<std::string>& overrides = {},
                              ErrorKind kind = ErrorKind::recipe) {
  const ScratchFolder folder;
  return complaint(kind, [&] { search_plan(search_of(folder, text), overrides, -1); });
}

TEST(SearchFile, IsRefusedWithThePlace) {
  EXPECT_TRUE(says(refusal_of_search("[search\n"), {"s.toml:1:"}));
  EXPECT_TRUE(says(refusal_of_search("[model]\n"), {"s.toml:1", "unknown section 'model'"}));
  EXPECT_TRUE(says(refusal_of_search(kRate), {"no [search]", "train"}));
  EXPECT_TRUE(says(refusal_of_search(search_head("trails = 3") + kRate),
                   {"s.toml:4", "trails", "'trials'"}));
  EXPECT_TRUE(says(refusal_of_search(search_head("strategy = \"grid\"") + kRate),
                   {"s.toml:4:12", "grid", "halving"}));
  EXPECT_TRUE(says(refusal_of_search(search_head("first = \"best\"") + kRate),
                   {"s.toml:4:9", "best", "drawn"}));
  EXPECT_TRUE(
      says(refusal_of_search(search_head("folds = []") + kRate), {"s.toml:1", "folds are none"}));
  EXPECT_TRUE(
      says(refusal_of_search(search_head("folds = [1, 1]") + kRate), {"s.toml:1", "twice"}));
  EXPECT_TRUE(says(refusal_of_search(search_head("folds = [5]") + kRate),
                   {"s.toml:1", "holds 5", "0 to 4"}));
  EXPECT_TRUE(says(refusal_of_search("[search]\nrecipe = \"no.toml\"\n" + kRate), {"no.toml"}));
  EXPECT_TRUE(says(refusal_of_search(search_head()), {"no [[parameter]]"}));
  EXPECT_TRUE(
      says(refusal_of_search(search_head() + kRate + kRate), {"s.toml:10", "two parameters"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { read_search("nowhere.toml"); }),
                   {"nowhere.toml", "recipes/searches"}));
}

TEST(SearchFile, ParametersAreRefusedWithThePlace) {
  const auto with = [](const std::string& lines) {
    return refusal_of_search(search_head() + "[[parameter]]\n" + lines + "\n");
  };
  const std::string rate = "key = \"train.learning_rate\"\n";
  EXPECT_TRUE(says(with("low = 1"), {"s.toml:5", "no key"}));
  EXPECT_TRUE(says(with(rate), {"s.toml:5", "either low and high, or values"}));
  EXPECT_TRUE(says(with(rate + "low = 1"), {"either low and high, or values"}));
  EXPECT_TRUE(says(with(rate + "low = 1\nhigh = 2\nvalues = [1]"), {"either low and high"}));
  EXPECT_TRUE(says(with(rate + "low = 2\nhigh = 1"), {"low below high"}));
  EXPECT_TRUE(says(with(rate + "low = 0\nhigh = 1\nscale = \"log\""), {"above 0"}));
  EXPECT_TRUE(says(with(rate + "low = 0.5\nhigh = 3\ninteger = true"), {"whole numbers"}));
  EXPECT_TRUE(says(with(rate + "low = 1\nhigh = 3\nscale = \"cubic\""), {"s.toml:9", "cubic"}));
  EXPECT_TRUE(says(with(rate + "lo = 1\nhigh = 3"), {"s.toml:7", "'lo'", "did you mean 'low'"}));
  EXPECT_TRUE(says(with(rate + "values = []"), {"s.toml:7", "values is no list"}));
  EXPECT_TRUE(says(with(rate + "values = [1, 2]\nlabels = [\"a\"]"), {"s.toml:8", "(2)"}));
  EXPECT_TRUE(says(with(rate + "low = 1\nhigh = 2\nlabels = [\"a\"]"), {"labels are of values"}));
  EXPECT_TRUE(says(with(rate + "values = [2026-01-01]"), {"s.toml:7", "a date"}));
  EXPECT_TRUE(says(with("key = \"model\"\nvalues = [1]"), {"s.toml:7", "is a section", "table"}));
  EXPECT_TRUE(says(with("key = \"model\"\nlow = 1\nhigh = 2"), {"s.toml:5", "is a section"}));
  for (const char* key : {"train.epochs", "split.seed", "data.mask", "train.monitor"}) {
    EXPECT_TRUE(says(with("key = \"" + std::string(key) + "\"\nlow = 1\nhigh = 2"),
                     {key, "cannot be searched"}));
  }
}

TEST(SearchPlan, AWrongKeyOrValueIsRefusedWhereItStands) {
  const std::string wrong = "[[parameter]]\nkey = \"train.learning_rat\"\nlow = 1\nhigh = 2\n";
  EXPECT_TRUE(says(refusal_of_search(search_head() + kRate + wrong),
                   {"s.toml:11:7", "'learning_rat'", "did you mean 'learning_rate'?"}));
  const std::string range = "[[parameter]]\nkey = \"train.batch_size\"\nvalues = [4, 0]\n";
  EXPECT_TRUE(says(refusal_of_search(search_head() + range), {"s.toml:6:7", "'batch_size' is 0"}));
  const std::string model = "[[parameter]]\nkey = \"model\"\nvalues = [{nam = \"unet\"}]\n";
  EXPECT_TRUE(says(refusal_of_search(search_head() + model), {"s.toml:6:7", "unknown key 'nam'"}));
  EXPECT_TRUE(says(refusal_of_search(search_head("set = ['train.batchsize=3']") + kRate),
                   {"s.toml:1:1", "set: unknown key 'batchsize'"}));
  const std::string other = "[[parameter]]\nkey = \"model.name\"\nvalues = [\"inf_net\"]\n";
  EXPECT_TRUE(says(refusal_of_search(search_head() + other),
                   {"s.toml: trial 0", "inf_net", "r.toml:6", "widths"}));
}

TEST(SearchPlan, WhatCannotBeComparedIsRefused) {
  EXPECT_TRUE(says(refusal_of_search(search_head("set = ['train.monitor=last']") + kRate),
                   {"'last'", "no score"}));
  EXPECT_TRUE(
      says(refusal_of_search(search_head("strategy = \"halving\"\nmin_epochs = 10") + kRate),
           {"s.toml:1", "min_epochs is 10", "has 9"}));
  EXPECT_TRUE(says(refusal_of_search(search_head("set = ['train.learning_rate=1']") + kRate),
                   {"s.toml:1", "is searched"}));
  EXPECT_TRUE(says(refusal_of_search(search_head("set = ['train.epochs=2']") + kRate),
                   {"[search] epochs"}));
  EXPECT_TRUE(
      says(refusal_of_search(search_head() + kRate, {"train.learning_rate=1"}, ErrorKind::usage),
           {"--set", "is searched"}));
  EXPECT_TRUE(says(refusal_of_search(search_head() + kRate, {"train.sead=1"}),
                   {"--set train.sead", "'seed'"}));
  const ScratchFolder folder;
  write_file(folder / "s.toml", search_head() + kRate);
  write_file(folder / "r.toml", "[labels]\nnames = [\"a\", \"b\"]\n");
  EXPECT_TRUE(says(
      complaint(ErrorKind::recipe, [&] { search_plan(read_search(folder / "s.toml"), {}, -1); }),
      {"classifier", "recipes that segment"}));
  write_file(folder / "r.toml",
             "[model]\nname = \"chs_net\"\n[cascade]\n[loss]\nterms = [{name = \"dice\"}]\n");
  EXPECT_TRUE(says(
      complaint(ErrorKind::recipe, [&] { search_plan(read_search(folder / "s.toml"), {}, -1); }),
      {"[cascade]", "one by one"}));
}

TEST(SearchPlan, DrawsComeFromSeedTrialAndKeyAlone) {
  const ScratchFolder folder;
  const auto few = plan_of(folder, search_head("trials = 4") + kRate);
  const auto many = plan_of(folder, search_head("trials = 40") + kLosses + kRate);
  std::set<std::string> labels;
  for (size_t i = 0; i < many.trials.size(); ++i) {
    const auto& value = many.trials[i].values[1];
    if (i < few.trials.size()) {
      EXPECT_EQ(few.trials[i].values[0].label, value.label);
    }
    labels.insert(value.label);
    EXPECT_EQ(shortest(many.trials[i].recipe.train.learning_rate), value.label);
    EXPECT_GE(many.trials[i].recipe.train.learning_rate, 1e-4);
    EXPECT_LE(many.trials[i].recipe.train.learning_rate, 1e-1);
  }
  EXPECT_EQ(labels.size(), 40U);
  const auto other = plan_of(folder, search_head("trials = 4\nseed = 2") + kRate);
  EXPECT_NE(other.trials[0].values[0].label, few.trials[0].values[0].label);
}

TEST(SearchPlan, DrawsAreEvenOnTheirScale) {
  const ScratchFolder folder;
  const std::string whole =
      "[[parameter]]\nkey = \"train.batch_size\"\nlow = 2\nhigh = 5\ninteger = true\n";
  const std::string line = "[[parameter]]\nkey = \"augment.noise\"\nlow = 0\nhigh = 0.5\n";
  const auto plan = plan_of(folder, search_head("trials = 400") + kRate + whole + line);
  int64_t below = 0, low_half = 0;
  std::map<int64_t, int64_t> sizes;
  for (const auto& trial : plan.trials) {
    if (trial.recipe.train.learning_rate < 1e-3) ++below;  // a third of log 1e-4 .. 1e-1
    if (trial.recipe.augment.noise < 0.25) ++low_half;
    ++sizes[trial.recipe.train.batch_size];
    EXPECT_LE(trial.values[2].label.size(), 9U) << trial.values[2].label;  // four digits
  }
  EXPECT_NEAR(static_cast<double>(below), 133, 40);
  EXPECT_NEAR(static_cast<double>(low_half), 200, 40);
  ASSERT_EQ(sizes.size(), 4U);
  for (const auto& [size, count] : sizes) EXPECT_NEAR(static_cast<double>(count), 100, 40) << size;
}

TEST(SearchPlan, ValuesAreDealtEvenly) {
  const ScratchFolder folder;
  const auto plan = plan_of(folder, search_head("trials = 6") + kLosses);
  for (size_t i = 0; i < 6; i += 2) {
    EXPECT_NE(plan.trials[i].values[0].label, plan.trials[i + 1].values[0].label);
    for (const size_t t : {i, i + 1}) {
      EXPECT_EQ(plan.trials[t].recipe.loss.size(),
                plan.trials[t].values[0].label == "Dice" ? 1U : 2U);
    }
  }
}

TEST(SearchPlan, ASectionsValuesAndTheRecipeItself) {
  const ScratchFolder folder;
  const std::string model =
      "[[parameter]]\nkey = \"model\"\nvalues = [{name = \"unet\", widths = [2, 4]}, "
      "{name = \"attention_unet\", widths = [4, 4, 8]}]\n";
  const auto plan = plan_of(folder, search_head("trials = 3\nfirst = \"recipe\"") + model);
  EXPECT_TRUE(plan.trials[0].values.empty());
  EXPECT_TRUE(says(plan.trials[0].recipe.model.fields, {"[4, 8]"}));
  std::set<std::string> names;
  for (const auto& trial : plan.trials) names.insert(trial.recipe.model.name);
  EXPECT_EQ(names.size(), 2U);
  const auto again = search_plan(search_of(folder, search_head("epochs = 3") + kRate), {}, 77);
  EXPECT_EQ(again.recipe().train.epochs, 3);
  EXPECT_EQ(again.recipe().train.seed, 77);
}

TEST(SearchRungs, AreThoseOfSuccessiveHalving) {
  SearchFile file;
  file.options.strategy = Strategy::halving;
  file.options.trials = 27;
  const auto text = [&](int64_t epochs) {
    std::string line;
    for (const auto& rung : search_rungs(file, epochs)) {
      line += std::to_string(rung.trials) + "x" + std::to_string(rung.epochs) + " ";
    }
    return line;
  };
  EXPECT_EQ(text(27), "27x1 9x3 3x9 1x27 ");  // the first bracket of Hyperband with R = 27
  EXPECT_EQ(text(20), "27x1 9x3 3x9 1x20 ");
  file.options.min_epochs = 3;
  EXPECT_EQ(text(27), "27x3 9x9 3x27 ");
  file.options.trials = 5;
  file.options.eta = 2;
  EXPECT_EQ(text(12), "5x3 2x6 1x12 ");
  EXPECT_EQ(text(3), "5x3 ");
  file.options.strategy = Strategy::random;
  EXPECT_EQ(text(12), "5x12 ");
}

TEST(ShippedSearches, ReadWithAllTheirTrials) {
  const fs::path folder = fs::path(GROUNDGLASS_SOURCE_DIR) / "recipes/searches";
  int64_t searches = 0;
  for (const auto& file : fs::directory_iterator(folder)) {
    const auto plan = search_plan(read_search(file.path()), {}, -1);
    EXPECT_FALSE(plan.file.options.title.empty()) << file.path();
    ++searches;
  }
  EXPECT_GE(searches, 2);
}

}  // namespace
}  // namespace groundglass
