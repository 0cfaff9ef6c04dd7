#include <gtest/gtest.h>

#include "groundglass/core/task.h"
#include "tests/complaint.h"
#include "tests/metrics/made_up_pixels.h"

namespace groundglass {
namespace {

/// What tools/reference/calibration.py prints.
struct Golden {
  double ece, mce, confidence_ece, confidence_mce, brier, nll;
};

void expect_golden(const CalibrationSums& sums, const Golden& golden) {
  EXPECT_NEAR(*expected_calibration_error(sums.foreground), golden.ece, 1e-11);
  EXPECT_NEAR(*maximum_calibration_error(sums.foreground), golden.mce, 1e-11);
  EXPECT_NEAR(*expected_calibration_error(sums.confidence), golden.confidence_ece, 1e-11);
  EXPECT_NEAR(*maximum_calibration_error(sums.confidence), golden.confidence_mce, 1e-11);
  EXPECT_NEAR(*brier_score(sums), golden.brier, 1e-11);
  EXPECT_NEAR(*negative_log_likelihood(sums), golden.nll, 1e-11);
}

TEST(CalibrationSums, OfASigmoidAreThoseOfNumPy) {
  const auto pixels = sigmoid_pixels(500);
  EXPECT_EQ(pixels.truth.sum().item<int64_t>(), 247);
  expect_golden(calibration_sums(pixels, 1), {0.101051166424, 0.222970724570, 0.100528252495,
                                              0.184321557048, 0.164937661706, 0.552590615724});
  expect_golden(calibration_sums(pixels, 2.5), {0.057283420346, 0.125639987003, 0.037560903335,
                                                0.077492433045, 0.153477606182, 0.473125196085});
}

TEST(CalibrationSums, OfThreeClassesAreThoseOfNumPy) {
  const auto pixels = softmax_pixels(400);
  EXPECT_EQ((pixels.truth != 0).sum().item<int64_t>(), 268);
  expect_golden(calibration_sums(pixels, 1), {0.071479261414, 0.283480067329, 0.087844071505,
                                              0.186179355448, 0.098743044013, 0.492550959074});
  expect_golden(calibration_sums(pixels, 2.5), {0.164925322794, 0.399098246062, 0.270677918621,
                                                0.368916135662, 0.134764906283, 0.703090774318});
}

TEST(CalibrationSums, OfPartsAddUpToThoseOfTheWhole) {
  const auto pixels = sigmoid_pixels(500);
  CalibrationSums sums;
  for (const auto& [from, n] : {std::pair<int64_t, int64_t>{0, 123}, {123, 0}, {123, 377}}) {
    sums +=
        calibration_sums({pixels.logits.narrow(0, from, n), pixels.truth.narrow(0, from, n)}, 1);
  }
  expect_golden(sums, {0.101051166424, 0.222970724570, 0.100528252495, 0.184321557048,
                       0.164937661706, 0.552590615724});
}

TEST(ReliabilityBins, AreClosedOnTheLeftAndTheLastHoldsOne) {
  const auto bins =
      reliability_bins(torch::tensor({0.0, 0.2, 0.2, 14.0 / 15, 1.0}, torch::kFloat64),
                       torch::tensor({0, 1, 0, 1, 1}).to(torch::kBool));
  EXPECT_EQ(bins.count[0], 1);
  EXPECT_EQ(bins.count[3], 2);  // 0.2 = 3/15
  EXPECT_EQ(bins.hits[3], 1);
  EXPECT_EQ(bins.count[14], 2);
  EXPECT_NEAR(bins.sum[14], 29.0 / 15, 1e-15);
  // gaps 0, |0.2 - 0.5|, |29/30 - 1| by 1, 2 and 2 of 5 pixels
  EXPECT_NEAR(*expected_calibration_error(bins), 0.4 * 0.3 + 0.4 / 30, 1e-12);
  EXPECT_NEAR(*maximum_calibration_error(bins), 0.3, 1e-12);
}

TEST(ReliabilityBins, WithoutPixelsHaveNoError) {
  const auto none = calibration_sums(
      {torch::zeros({0, 2}, torch::kFloat64), torch::zeros({0}, torch::kInt64)}, 1);
  EXPECT_FALSE(expected_calibration_error(none.foreground));
  EXPECT_FALSE(maximum_calibration_error(none.confidence));
  EXPECT_FALSE(brier_score(none));
  EXPECT_FALSE(negative_log_likelihood(none));
}

TEST(PixelLogits, LeaveIgnoredPixelsOutAndCountEveryLesionAsOneForTwoClasses) {
  const auto z = torch::tensor({1.0, 2.0, 3.0, 4.0}).reshape({1, 1, 2, 2});
  const auto target = torch::tensor({0, 255, 2, 1}).reshape({1, 2, 2}).to(torch::kUInt8);
  const auto pixels = pixel_logits(z, target);
  EXPECT_TRUE(pixels.truth.equal(torch::tensor({0, 1, 1}, torch::kInt64)));
  EXPECT_TRUE(pixels.logits.equal(
      torch::tensor({0.0, 1.0, 0.0, 3.0, 0.0, 4.0}, torch::kFloat64).reshape({3, 2})));
  const auto keep = torch::tensor({1, 1, 0, 1}).reshape({1, 2, 2}).to(torch::kBool);
  EXPECT_EQ(pixel_logits(z, target, keep).truth.numel(), 2);
}

TEST(PixelLogits, OfThreeClassesStandRightAndRefuseAFourth) {
  const auto z = torch::arange(12, torch::kFloat32).reshape({1, 3, 2, 2});
  const auto target = torch::tensor({2, 1, 0, 2}).reshape({1, 2, 2});
  const auto pixels = pixel_logits(z, target);
  EXPECT_TRUE(pixels.logits[1].equal(torch::tensor({1.0, 5.0, 9.0}, torch::kFloat64)));
  EXPECT_TRUE(pixels.truth.equal(torch::tensor({2, 1, 0, 2}, torch::kInt64)));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { pixel_logits(z, target + 1); }),
                   {"class 3", "0 to 2"}));
}

TEST(NearLesion, IsASquareAroundTrueAndPredictedPixels) {
  auto truth = torch::zeros({1, 9, 9}, torch::kUInt8), labels = torch::zeros_like(truth);
  truth[0][1][1] = 1;
  truth[0][8][0] = 255;  // ignored: no lesion
  labels[0][7][7] = 2;
  const auto near = near_lesion(labels, truth, 2);
  auto expected = torch::zeros({9, 9}, torch::kBool);
  expected.narrow(0, 0, 4).narrow(1, 0, 4).fill_(true);
  expected.narrow(0, 5, 4).narrow(1, 5, 4).fill_(true);
  EXPECT_TRUE(near[0].equal(expected));
  EXPECT_EQ(near_lesion(labels, truth, 0).sum().item<int64_t>(), 2);
}

TEST(AtTemperature, IsTheSoftmaxOfDividedLogits) {
  torch::manual_seed(3);
  for (const int64_t k : {1, 2, 3}) {
    const auto z = 5 * torch::randn({2, k, 4, 4});
    const auto all = class_probabilities(z);
    EXPECT_TRUE(all.narrow(1, 1, all.size(1) - 1).equal(probabilities(z)));
    for (const double t : {0.4, 1.0, 3.0}) {
      const auto moved = at_temperature(all, t).narrow(1, 1, all.size(1) - 1);
      EXPECT_LT((moved - probabilities(z / t)).abs().max().item<double>(), 1e-6) << k << " " << t;
    }
  }
}

TEST(AtTemperature, KeepsTheDigitsOfNearlyCertainPixelsAndZerosOutsideACrop) {
  const auto z = torch::tensor({30.0F, -30.0F}).reshape({1, 1, 1, 2});
  const auto p = at_temperature(class_probabilities(z), 10).flatten();
  EXPECT_NEAR(p[2].item<double>(), 1 / (1 + std::exp(-3.0)), 1e-6);
  EXPECT_NEAR(p[3].item<double>(), 1 / (1 + std::exp(3.0)), 1e-6);
  EXPECT_EQ(at_temperature(torch::zeros({1, 2, 1, 1}), 3).sum().item<double>(), 0);
}

TEST(AtTemperature, MovesAThresholdWithItsPixels) {
  EXPECT_NEAR(at_temperature(0.3, 2), 1 / (1 + std::exp(-std::log(0.3 / 0.7) / 2)), 1e-15);
  EXPECT_EQ(at_temperature(0.5, 7), 0.5);
  EXPECT_EQ(at_temperature(0.0, 7), 0);
  EXPECT_EQ(at_temperature(1.0, 7), 1);
}

}  // namespace
}  // namespace groundglass
