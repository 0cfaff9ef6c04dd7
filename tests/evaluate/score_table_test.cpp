#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/evaluate/cross_validation.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

ScoredItem item(const std::string& id, const std::string& study, const std::string& patient,
                const std::string& domain, Counts counts) {
  return {id, study, patient, domain, counts, {}, false};
}

// Two studies in one domain (the first of two slices), one clean and one missed in another.
std::vector<ScoredItem> four_items() {
  return {
      item("a1", "A", "p1", "north", {3, 1, 1, 5}), item("a2", "A", "p1", "north", {1, 1, 0, 8}),
      item("b1", "B", "p2", "north", {0, 0, 0, 10}), item("c1", "C", "p3", "south", {0, 0, 2, 8})};
}

TEST(ScoreTable, PoolsPixelsAndAveragesCases) {
  const auto items = four_items();
  EXPECT_NEAR(*pooled_scores(items).dice, 8.0 / 13, 1e-12);  // TP 4, FP 2, FN 3
  const auto cases = by_case(items);
  ASSERT_EQ(cases.size(), 3U);
  EXPECT_EQ(cases[0].counts, (Counts{4, 2, 1, 13}));
  const CaseMeans means = case_means(cases);
  EXPECT_EQ(means.cases, 3);
  EXPECT_EQ(means.defined.at("dice"), 2);  // A: 8/11, C: 0; B is undefined
  EXPECT_NEAR(means.scores.at("dice").mean, 4.0 / 11, 1e-12);
  EXPECT_EQ(means.status.at("ok"), 1);
  EXPECT_EQ(means.status.at("both_empty"), 1);
  EXPECT_EQ(means.status.at("prediction_empty"), 1);
}

TEST(ScoreTable, ListsAllThenEachDomain) {
  const auto parts = domain_scores(four_items());
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].name, "all");
  EXPECT_EQ(parts[1].name, "north");
  EXPECT_EQ(parts[1].intervals.patients, 2);
  EXPECT_NEAR(*parts[1].pooled.dice, 8.0 / 11, 1e-12);
  EXPECT_EQ(*parts[2].pooled.dice, 0);
  EXPECT_FALSE(parts[2].intervals.pooled.has_value());  // one patient has no interval
  EXPECT_FALSE(parts[2].pooled.precision.has_value());  // nothing was predicted
}

TEST(ScoreTable, DrawsWholePatientsForTheInterval) {
  std::vector<ScoredItem>
      items;  // two patients of ten slices each: only three pooled scores can be
  for (int i = 0; i < 10; ++i) {
    items.push_back(item("x" + std::to_string(i), "x", "x", "", {9, 1, 1, 0}));  // 0.9
    items.push_back(item("y" + std::to_string(i), "y", "y", "", {5, 5, 5, 0}));  // 0.5
  }
  const auto interval = dice_intervals(items).pooled;
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, 0.5, 1e-9);
  EXPECT_NEAR(interval->high, 0.9, 1e-9);
}

TEST(EvaluationJson, HasTheFormThatScriptsRelyOn) {
  const auto j = evaluation_json(four_items());
  EXPECT_EQ(j["cases"].size(), 3U);
  EXPECT_EQ(j["cases"][1]["case"], "B");
  EXPECT_EQ(j["cases"][1]["status"], "both_empty");
  EXPECT_TRUE(j["cases"][1]["dice"].is_null());
  EXPECT_EQ(j["cases"][2]["status"], "prediction_empty");
  EXPECT_NEAR(j["pooled"]["dice"].get<double>(), 8.0 / 13, 1e-12);
  EXPECT_TRUE(j["pooled"]["soft_dice"].is_null());
  EXPECT_TRUE(j["domains"]["north"]["interval95"]["dice_pooled"].is_array());
  EXPECT_TRUE(j["domains"]["south"]["interval95"]["dice_pooled"].is_null());
  EXPECT_EQ(j["domains"]["north"]["mean"]["status"]["ok"], 1);
  auto one_domain = four_items();
  one_domain.resize(3);
  EXPECT_TRUE(evaluation_json(one_domain)["domains"].contains("north"));
}

FoldScores fold(int64_t k, Counts counts, SoftCounts soft) {
  const std::string n = std::to_string(k);
  return {k, 7, 0.5, 60, {{"row" + n, "case" + n, "patient" + n, "d", counts, soft, true}}};
}

TEST(CrossValidationTable, HasThePapersFormBesideThePapersFigures) {
  const auto table = cross_validation_table(
      {fold(0, {8, 2, 2, 88}, {7, 9, 11}), fold(1, {6, 2, 4, 88}, {5, 8, 10})},
      {"Title", "strict", "groundglass train", "abc", "a machine", 2},
      {"Table 2", {"Dice", "IoU"}, {{"mean", {0.8297, 0.7089}}}});
  EXPECT_TRUE(says(table.markdown, {"# Title", "`strict`", "2 folds", "2 test patients",
                                    "`groundglass train`", "abc", "a machine", "2 threads",
                                    "| 1 | 1 | 7 | 0.50 | 0.7000 | 0.5385 | 0.8000 | 0.6667 |",
                                    "| mean +- sd |", "Table 2", "| mean | 0.8297 | 0.7089 |"}));
  EXPECT_NEAR(table.json["mean"]["dice"]["mean"].get<double>(), (0.8 + 2.0 / 3) / 2, 1e-12);
  EXPECT_TRUE(says(table.csv, {"fold,test_slices,best_epoch,threshold,soft_dice", "\n2,1,7,0.5,"}));
}

TEST(CrossValidationTable, CountsASharedTestSetOnce) {
  const auto one = fold(0, {8, 2, 2, 88}, {7, 9, 11});
  auto two = one;
  two.fold = 1;
  const auto table = cross_validation_table({one, two}, {}, {});
  EXPECT_EQ(table.json["evaluation"]["cases"].size(), 1U);
  EXPECT_EQ(table.json["evaluation"]["cases"][0]["tp"], 8);
  EXPECT_TRUE(says(table.markdown, {"tested on the same slices"}));
}

TEST(FoldScores, ReadBackFromTheirFile) {
  const ScratchFolder folder;
  const auto scores = fold(3, {1, 2, 3, 4}, {0.5, 1.5, 2.5});
  write_fold_scores(folder / "test.json", scores);
  const auto back = read_fold_scores(folder / "test.json");
  EXPECT_EQ(back.fold, 3);
  EXPECT_EQ(back.items[0].id, "row3");
  EXPECT_EQ(back.items[0].counts, scores.items[0].counts);
  EXPECT_EQ(back.items[0].soft.overlap, 0.5);
  write_file(folder / "test.json", "{}");
  EXPECT_TRUE(
      says(complaint(ErrorKind::checkpoint, [&] { read_fold_scores(folder / "test.json"); }),
           {"test.json", "damaged"}));
}

}  // namespace
}  // namespace groundglass
