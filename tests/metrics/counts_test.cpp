// Hand values; the same examples stand in tools/reference/metrics.py.
#include "groundglass/metrics/counts.h"

#include <torch/types.h>

#include "groundglass/core/rng.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

torch::Tensor map_of(const std::vector<int64_t>& values) {
  return torch::tensor(values, torch::kInt64).to(torch::kUInt8).view({3, 4});
}

const auto kPrediction = map_of({0, 1, 1, 2, 0, 1, 2, 2, 0, 0, 1, 0});
const auto kTruth = map_of({0, 1, 2, 2, 1, 1, 2, 0, 0, 0, 1, 2});
const auto kIgnoring = map_of({0, 1, 255, 2, 1, 1, 2, 255, 255, 0, 1, 2});

TEST(Count, ComparesOneClassWithTheRest) {
  EXPECT_EQ(count(kPrediction, kTruth), (Counts{3, 1, 1, 7}));
  EXPECT_EQ(count(kPrediction, kTruth, 2), (Counts{2, 1, 2, 7}));
  EXPECT_EQ(count(kPrediction, kTruth, 3), (Counts{0, 0, 0, 12}));
}

TEST(Count, LeavesIgnoredPixelsOut) {
  EXPECT_EQ(count(kPrediction, kIgnoring), (Counts{3, 0, 1, 5}));
  EXPECT_EQ(count(kPrediction, kIgnoring, 2), (Counts{2, 0, 1, 6}));
  EXPECT_EQ(count_foreground(kPrediction, kIgnoring), (Counts{5, 0, 2, 2}));
  EXPECT_EQ(count(kPrediction, torch::full_like(kTruth, 255)), Counts{});
}

// Foreground: predicted at 7 places, true at 8, both at 6.
TEST(Count, TakesAllForegroundAsOneClass) {
  EXPECT_EQ(count_foreground(kPrediction, kTruth), (Counts{6, 1, 2, 3}));
}

TEST(Count, ReadsMapsOfAnyWholeType) {
  EXPECT_EQ(count(kPrediction.to(torch::kInt64), kTruth.to(torch::kInt32)), (Counts{3, 1, 1, 7}));
  EXPECT_EQ(count(kPrediction.t(), kTruth.t()), (Counts{3, 1, 1, 7}));
}

TEST(Count, CanBeAdded) {
  Counts sum{1, 2, 3, 4};
  sum += {10, 20, 30, 40};
  EXPECT_EQ(sum, (Counts{11, 22, 33, 44}));
}

TEST(Count, SaysWhichShapesDisagree) {
  const auto wider = torch::zeros({4, 3}, torch::kUInt8);
  const std::string text = "prediction is [3, 4] and truth is [4, 3], expected equal shapes";
  EXPECT_EQ(complaint(ErrorKind::usage, [&] { count(kPrediction, wider); }), text);
  EXPECT_EQ(complaint(ErrorKind::usage, [&] { count_foreground(kPrediction, wider); }), text);
  EXPECT_EQ(complaint(ErrorKind::usage, [&] { soft_count(kPrediction, wider); }), text);
}

TEST(Scores, AreTheFormulas) {
  const Counts c{6, 2, 4, 88};
  EXPECT_DOUBLE_EQ(dice(c).value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(iou(c).value(), 0.5);
  EXPECT_DOUBLE_EQ(sensitivity(c).value(), 0.6);
  EXPECT_DOUBLE_EQ(specificity(c).value(), 44.0 / 45);
  EXPECT_DOUBLE_EQ(precision(c).value(), 0.75);
  EXPECT_DOUBLE_EQ(accuracy(c).value(), 0.94);
}

TEST(Scores, AreEmptyWhereTheyAreUndefined) {
  const Counts nothing{0, 0, 0, 100};
  EXPECT_FALSE(dice(nothing));
  EXPECT_FALSE(iou(nothing));
  EXPECT_FALSE(sensitivity(nothing));
  EXPECT_FALSE(precision(nothing));
  EXPECT_EQ(specificity(nothing), 1.0);
  EXPECT_EQ(accuracy(nothing), 1.0);
  EXPECT_FALSE(specificity({10, 0, 0, 0}));
  EXPECT_FALSE(accuracy({}));
  EXPECT_FALSE(soft_dice({}));
  EXPECT_FALSE(soft_iou({}));
}

TEST(Scores, AreZeroWhereNothingIsShared) {
  const Counts false_alarm{0, 5, 0, 95}, missed{0, 0, 5, 95};
  EXPECT_EQ(dice(false_alarm), 0.0);
  EXPECT_EQ(precision(false_alarm), 0.0);
  EXPECT_FALSE(sensitivity(false_alarm));
  EXPECT_EQ(dice(missed), 0.0);
  EXPECT_EQ(sensitivity(missed), 0.0);
  EXPECT_FALSE(precision(missed));
}

TEST(Scores, KeepIouAtDiceOverTwoMinusDice) {
  Rng rng(11);
  for (int i = 0; i < 1000; ++i) {
    const int64_t size = rng.below(4) == 0 ? 3 : 1'000'000'000'000;  // small ones meet zeros
    const Counts c{rng.below(size), rng.below(size), rng.below(size), rng.below(size)};
    const auto d = dice(c), j = iou(c);
    ASSERT_EQ(d.has_value(), j.has_value());
    if (!d) continue;
    EXPECT_NEAR(*j, *d / (2 - *d), 1e-14);
    EXPECT_LE(*j, *d);
    if (c.tp == 0) continue;  // F1 of precision and sensitivity
    const double p = precision(c).value(), s = sensitivity(c).value();
    EXPECT_NEAR(*d, 2 * p * s / (p + s), 1e-14);
  }
}

TEST(SoftDice, IsMadeOfProbabilities) {
  const auto p = torch::tensor({0.9F, 0.8F, 0.3F, 0.1F});
  const auto t = torch::tensor({1, 1, 0, 1}, torch::kInt64);
  const auto c = soft_count(p, t);
  EXPECT_NEAR(c.overlap, 1.8, 1e-7);
  EXPECT_NEAR(c.probability, 2.1, 1e-7);
  EXPECT_EQ(c.truth, 3);
  EXPECT_NEAR(soft_dice(c).value(), 3.6 / 5.1, 1e-7);
  EXPECT_NEAR(soft_iou(c).value(), 1.8 / 3.3, 1e-7);
  auto sum = c;
  sum += c;
  EXPECT_NEAR(soft_dice(sum).value(), 3.6 / 5.1, 1e-7);
  EXPECT_NEAR(sum.overlap, 3.6, 1e-6);
}

TEST(SoftDice, LeavesIgnoredPixelsOutAndKnowsItsLabel) {
  const auto p = torch::tensor({0.9F, 0.8F, 0.3F, 0.1F});
  const auto c = soft_count(p, torch::tensor({2, 255, 1, 0}, torch::kInt64), 2);
  EXPECT_NEAR(c.overlap, 0.9, 1e-7);
  EXPECT_NEAR(c.probability, 1.3, 1e-7);
  EXPECT_EQ(c.truth, 1);
}

// A sum in float32 would be off by its rounding, about 0.06.
TEST(SoftDice, AddsManyPixelsWithoutLoss) {
  constexpr int64_t kMany = (1 << 23) + 1001;
  const auto c = soft_count(torch::full({kMany}, 0.1F), torch::ones({kMany}, torch::kUInt8));
  const double expected = static_cast<double>(kMany) * static_cast<double>(0.1F);
  EXPECT_NEAR(c.overlap, expected, 1e-6);
  EXPECT_NEAR(c.probability, expected, 1e-6);
  EXPECT_EQ(c.truth, static_cast<double>(kMany));
}

TEST(CaseStatus, SaysWhichSideIsEmpty) {
  EXPECT_EQ(case_status({1, 0, 0, 9}), CaseStatus::ok);
  EXPECT_EQ(case_status({0, 1, 1, 8}), CaseStatus::ok);
  EXPECT_EQ(case_status({0, 0, 0, 10}), CaseStatus::both_empty);
  EXPECT_EQ(case_status({0, 3, 0, 7}), CaseStatus::reference_empty);
  EXPECT_EQ(case_status({0, 0, 3, 7}), CaseStatus::prediction_empty);
  EXPECT_EQ(to_string(CaseStatus::ok), "ok");
  EXPECT_EQ(to_string(CaseStatus::both_empty), "both_empty");
  EXPECT_EQ(to_string(CaseStatus::reference_empty), "reference_empty");
  EXPECT_EQ(to_string(CaseStatus::prediction_empty), "prediction_empty");
}

}  // namespace
}  // namespace groundglass
