// The whole adaptation of a small network from one made-up hospital to another.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/runs/adaptation.h"
#include "groundglass/runs/trained_model.h"
#include "tests/adapt/adapt_samples.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// Two hospitals and a network trained on the near one.
class Adaptation : public testing::Test {
 protected:
  void SetUp() override {
    request_stop(0);
    set = std::make_unique<PreparedSet>(two_hospitals(folder));
    const Recipe recipe = small_adapt_recipe();
    split = make_splits(set->rows(), recipe.split, 0).front();
    train_fold({folder / "source", recipe, set.get(), split});
  }
  void TearDown() override { request_stop(0); }

  AdaptJob job(const std::string& run, const std::vector<std::string>& overrides = {}) const {
    AdaptJob j;
    j.teacher = folder / "source";
    j.recipe = small_adapt_recipe(overrides);
    j.target = set.get();
    j.target_rows = rows_in(*set, "far");
    j.source = set.get();
    j.source_split = split;
    j.run = folder / run;
    return j;
  }

  std::map<std::string, torch::Tensor> weights(const std::string& file) const {
    return read_safetensors(folder / file).tensors;
  }

  void expect_equal_weights(const std::string& a, const std::string& b) const {
    const auto left = weights(a), right = weights(b);
    ASSERT_EQ(left.size(), right.size());
    for (const auto& [name, tensor] : left)
      EXPECT_TRUE(torch::equal(tensor, right.at(name))) << name;
  }

  ScratchFolder folder;
  std::unique_ptr<PreparedSet> set;
  Split split;
};

TEST(AdaptSection, IsWrittenOnlyWhereARecipeHasOne) {
  const Recipe recipe = small_adapt_recipe({"adapt.labels=band", "adapt.rounds=3"});
  const Recipe again = parse_recipe(recipe.resolved(), "again.toml");
  EXPECT_EQ(again.resolved(), recipe.resolved());
  ASSERT_TRUE(again.adapt.has_value());
  EXPECT_EQ(again.adapt->labels, PseudoLabels::band);
  EXPECT_EQ(again.adapt->rounds, 3);
  Recipe without = recipe;
  without.adapt.reset();
  EXPECT_EQ(without.resolved().find("[adapt]"), std::string::npos);
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [] { small_adapt_recipe({"adapt.share=2"}); }),
                   {"'share' is 2", "0 to 1"}));
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [] { small_adapt_recipe({"adapt.views=3"}); }),
                   {"small.toml", "1, 2 or 4"}));
}

TEST_F(Adaptation, LeavesARunThatPredictsAndItsScores) {
  const AdaptOutcome outcome = adapt(job("run"));
  ASSERT_EQ(outcome.rounds.size(), 1U);
  EXPECT_EQ(outcome.rounds[0].chosen, 10);
  EXPECT_EQ(outcome.before.size(), 20U);
  EXPECT_EQ(outcome.after.size(), 20U);
  EXPECT_EQ(not_labelled(outcome.after, outcome).size(), 10U);
  for (const char* file : {"weights.safetensors", "recipe.toml", "split.json", "environment.json",
                           "before.json", "test.json", "adaptation.json", "pseudo_labels.csv",
                           "selection.json", "start.safetensors"}) {
    EXPECT_TRUE(fs::exists(folder / ("run/" + std::string(file)))) << file;
  }
  const TrainedModel adapted = load_trained_model(folder / "run");
  EXPECT_EQ(adapted.threshold, 0.5);
  ASSERT_TRUE(adapted.recipe.adapt.has_value());
  EXPECT_GT(read_fold_scores(folder / "run/test.json").best_epoch, 0);
  const auto document = nlohmann::json::parse(read_file(folder / "run/adaptation.json"));
  EXPECT_EQ(document["rounds"][0]["asked"], 10);
  EXPECT_EQ(document["not_labelled"]["after"]["slices"], 10);
  EXPECT_FALSE(document["after"]["pooled"]["dice"].is_null());
}

TEST_F(Adaptation, StartsFromTheTeachersWeights) {
  adapt(job("run", {"train.learning_rate=0"}));
  const auto before = weights("source/weights.safetensors"),
             after = weights("run/weights.safetensors");
  const TrainedModel teacher = load_trained_model(folder / "source");
  for (const auto& p : teacher.model->named_parameters()) {
    EXPECT_TRUE(torch::equal(before.at(p.key()), after.at(p.key()))) << p.key();
  }
  adapt(job("learning"));
  EXPECT_FALSE(torch::equal(before.at("head.weight"),
                            weights("learning/weights.safetensors").at("head.weight")));
}

TEST_F(Adaptation, ScoresTheTeacherAtTheGivenCutoff) {
  AdaptJob strict = job("run");
  strict.cutoff = 0.3;
  const AdaptOutcome outcome = adapt(strict);
  const TrainedModel teacher = load_trained_model(folder / "source");
  std::vector<Entry> entries;
  for (const int64_t row : strict.target_rows) entries.push_back({row, 0, 0});
  ScoreOptions options;
  options.threshold = 0.3;
  const auto scores = score_entries(*teacher.model, *set, entries, options);
  Counts sum;
  for (const auto& item : outcome.before) sum += item.counts;
  EXPECT_EQ(sum, scores.pooled());
  EXPECT_EQ(load_trained_model(folder / "run").threshold, 0.3);
}

TEST_F(Adaptation, EndsWithTheSameBitsWhetherItWasInterruptedOrNot) {
  const std::vector<std::string> options = {"adapt.rounds=2", "adapt.labels=soft",
                                            "adapt.batch_norm=target"};
  adapt(job("whole", options));
  for (const int64_t steps : {5, 20, 9}) {
    StopAfterSteps stop(steps);
    EXPECT_THROW(adapt(job("parts", options), stop), Stopped);
    request_stop(0);
  }
  const AdaptOutcome outcome = adapt(job("parts", options));
  EXPECT_EQ(outcome.rounds.size(), 2U);
  expect_equal_weights("whole/weights.safetensors", "parts/weights.safetensors");
  EXPECT_EQ(read_file(folder / "whole/before.json"), read_file(folder / "parts/before.json"));
}

TEST_F(Adaptation, IsReadBackWhenItIsFinished) {
  const AdaptOutcome first = adapt(job("run"));
  StopAfterSteps stop(1);  // a training would be stopped
  const AdaptOutcome again = adapt(job("run"), stop);
  EXPECT_EQ(again.labelled, first.labelled);
  ASSERT_EQ(again.after.size(), first.after.size());
  EXPECT_EQ(again.after[3].counts, first.after[3].counts);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { adapt(job("run", {"adapt.share=0.25"})); }),
                   {"another network, target or recipe"}));
}

TEST_F(Adaptation, KeepsPatientsApartInStrictMode) {
  AdaptJob shared = job("run");
  shared.target_rows = rows_in(*set, "near");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { adapt(shared); }),
                   {"4 patients", "trained on", "adapt.mode=paper"}));
  EXPECT_FALSE(fs::exists(folder / "run"));
  shared.recipe.adapt->mode = Protocol::paper;
  WarningCollector warnings;
  adapt(shared, warnings);
  EXPECT_TRUE(says(warnings.all, {"4 patients", "trained on"}));
}

TEST_F(Adaptation, KnowsTrainedRowsByTheirNamesWithoutTheSource) {
  AdaptJob shared = job("run", {"adapt.stop_on=pseudo"});
  shared.source = nullptr;
  shared.source_split = {};
  shared.trained_ids = RunFolder(folder / "source").split_ids({"train", "val"});
  EXPECT_EQ(shared.trained_ids.size(), 16U);  // 3 patients to train on, 1 to validate
  adapt(shared);
  shared.run = folder / "other";
  shared.target_rows = rows_in(*set, "near");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { adapt(shared); }), {"4 patients"}));
  EXPECT_TRUE(RunFolder(folder / "nowhere").split_ids({"train", "val"}).empty());
  write_file(folder / "damaged/split.json", "[");
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint,
                             [&] {
                               RunFolder(folder / "damaged").split_ids({"train", "val"});
                             }),
                   {"no JSON object"}));
}

TEST_F(Adaptation, RefusesATargetThatWasPreparedOtherwise) {
  AdaptJob other = job("run");
  other.recipe.preprocess.window_hu = {-500, 500};
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { adapt(other); }),
                   {"other [preprocess] options", "window_hu"}));
  AdaptJob none = job("run");
  none.target_rows.clear();
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { adapt(none); }), {"no slice"}));
  EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST_F(Adaptation, NeedsNoLabelsOfTheTarget) {
  const PreparedSet bare = two_hospitals(folder, "bare.ggset", false);
  AdaptJob unlabelled = job("run");
  unlabelled.target = &bare;
  const AdaptOutcome outcome = adapt(unlabelled);
  EXPECT_TRUE(outcome.before.empty() && outcome.after.empty());
  EXPECT_EQ(outcome.rounds[0].chosen, 10);
  const auto document = nlohmann::json::parse(read_file(folder / "run/adaptation.json"));
  EXPECT_TRUE(document["before"].is_null());
  adapt(job("labelled"));  // and never looks at them
  expect_equal_weights("labelled/weights.safetensors", "run/weights.safetensors");
}

TEST_F(Adaptation, SaysThatATargetHoldsNoLesion) {
  const PreparedSet clean = two_hospitals(folder, "clean.ggset", true, false);
  AdaptJob job_on_clean = job("run");
  job_on_clean.target = &clean;
  WarningCollector warnings;
  adapt(job_on_clean, warnings);
  EXPECT_TRUE(says(warnings.all, {"20 slices", "no lesion"}));
}

TEST_F(Adaptation, CanDoWithNewStatisticsAlone) {
  const std::vector<std::string> options = {"adapt.rounds=0", "adapt.batch_norm=target"};
  const AdaptOutcome outcome = adapt(job("run", options));
  EXPECT_TRUE(outcome.rounds.empty());
  const auto before = weights("source/weights.safetensors"),
             after = weights("run/weights.safetensors");
  int64_t changed = 0;
  for (const auto& [name, tensor] : before) {
    const bool equal = torch::equal(tensor, after.at(name));
    const bool statistic =
        name.find("running_") != std::string::npos || name.find("num_batches") != std::string::npos;
    EXPECT_TRUE(equal || statistic) << name;
    changed += !equal;
  }
  EXPECT_GT(changed, 4);
  adapt(job("run", options));  // read back
  const auto source = load_trained_model(folder / "source"),
             run = load_trained_model(folder / "run");
  EXPECT_EQ(run.notes.at("typicality"), source.notes.at("typicality"));
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               adapt(job("run", {"adapt.rounds=0", "adapt.batch_norm=target",
                                                 "adapt.batch_norm_mix=0.5"}));
                             }),
                   {"another folder"}));
}

TEST_F(Adaptation, LearnsFromUnlabelledSlicesByTheirEntropy) {
  const AdaptOutcome outcome = adapt(job("run", {"adapt.entropy_weight=0.2"}));
  EXPECT_EQ(outcome.rounds[0].parts.unlabelled, 10);
  const Recipe recipe = load_trained_model(folder / "run").recipe;
  ASSERT_EQ(recipe.loss.size(), 3U);
  EXPECT_EQ(recipe.loss[2].second.name, "entropy");
  EXPECT_EQ(recipe.loss[2].first, 0.2);
}

}  // namespace
}  // namespace groundglass
