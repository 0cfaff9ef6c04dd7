#include "groundglass/losses/focal_loss.h"

#include <cmath>

#include "groundglass/losses/cross_entropy_loss.h"
#include "groundglass/losses/dice_loss.h"
#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

double value_of_focal(const torch::Tensor& logits, const torch::Tensor& target,
                      const FocalLossOptions& options = {}) {
  return focal_loss(logits, target, options).item<double>();
}

// SPEC-SHARED section 3; q of the true class is .9, .8, .7, .1, and only the third is background.
TEST(FocalLoss, GivesTheGoldenNumber) {
  const double sum = 0.25 * (0.01 * std::log(0.9) + 0.04 * std::log(0.8) + 0.81 * std::log(0.1)) +
                     0.75 * 0.09 * std::log(0.7);
  EXPECT_NEAR(value_of_focal(golden_logits(), golden_target()), -sum / 4, 1e-12);
  EXPECT_NEAR(value_of_focal(golden_logits(), golden_target()), 0.1232110, 5e-8);
}

// Focal and Dice with the smoothing of the Keras code.
TEST(FocalLoss, MakesUpTheHybridOfPaper004) {
  const double dice = dice_loss(golden_logits(), golden_target(), {.smooth = 1e-5}).item<double>();
  EXPECT_NEAR(value_of_focal(golden_logits(), golden_target()) + dice, 0.4173280, 5e-8);
}

TEST(FocalLoss, IsHalfTheCrossEntropyWithoutFocus) {
  for (const auto& [logits, target] : {std::pair(golden_logits(), golden_target()),
                                       std::pair(three_class_logits(), ignoring_target())}) {
    EXPECT_NEAR(value_of_focal(logits, target, {.alpha = 0.5, .gamma = 0}),
                0.5 * groundglass::cross_entropy_loss(logits, target).item<double>(), 1e-12);
  }
}

TEST(FocalLoss, OfOneLogitIsThatOfTwoWithABackgroundOfZero) {
  const auto x = golden_logits();
  EXPECT_NEAR(value_of_focal(torch::cat({torch::zeros_like(x), x}, 1), golden_target()),
              value_of_focal(x, golden_target()), 1e-12);
}

TEST(FocalLoss, WeighsForegroundWithAlpha) {
  const auto x = golden_logits();
  const auto ones = torch::ones({1, 2, 2}, torch::kInt64);
  EXPECT_NEAR(value_of_focal(x, ones, {.alpha = 0.5}) / value_of_focal(x, ones, {.alpha = 0.25}), 2,
              1e-12);
  EXPECT_NEAR(
      value_of_focal(x, 1 - ones, {.alpha = 0.5}) / value_of_focal(x, 1 - ones, {.alpha = 0.25}),
      2.0 / 3, 1e-12);
}

// tools/reference/losses.py, "K=3 all, focal"
TEST(FocalLoss, AgreesWithTheReferenceForThreeClasses) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) { return focal_loss(x, three_class_target()); },
      three_class_logits(), 0.087176914523114,
      {0.003067879, 0.000167571, -0.052000607, -0.004315185, 0.000614868, 0.016121515, 0.001247306,
       -0.000782439, 0.035879092, 0.005581016, -0.038064483, 0.025791235, -0.012397685, 0.004152714,
       -0.026953110, 0.006816669, 0.033911769, 0.001161875});
}

// tools/reference/losses.py, "K=3 with 255, focal"
TEST(FocalLoss, DoesNotLookAtIgnoredPixels) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) { return focal_loss(x, ignoring_target()); }, three_class_logits(),
      0.069399587809288,
      {0.004601818, 0.000251357, 0, -0.006472778, 0.000922302, 0, 0.001870960, -0.001173659, 0, 0,
       -0.057096725, 0.038686853, 0, 0.006229071, -0.040429665, 0, 0.050867654, 0.001742812});
  EXPECT_EQ(value_of_focal(golden_logits(), torch::full({1, 2, 2}, 255, torch::kInt64)), 0);
}

TEST(FocalLoss, TakesMasksOfBytes) {
  EXPECT_EQ(value_of_focal(three_class_logits(), ignoring_target().to(torch::kUInt8)),
            value_of_focal(three_class_logits(), ignoring_target()));
}

TEST(FocalLoss, GrowsLinearlyWhereTheNetworkIsSureAndWrong) {
  const auto empty = torch::zeros({1, 2, 2}, torch::kInt64);
  EXPECT_NEAR(value_of_focal(certain(empty + 1), empty), 0.75 * 40, 1e-6);
  EXPECT_NEAR(value_of_focal(certain(empty), empty), 0, 1e-12);
}

TEST(FocalLoss, HasTheGradientOfItsDifferences) {
  for (const double gamma : {0.0, 0.5, 2.0}) {
    expect_gradient_of_differences([&](const torch::Tensor& x, const torch::Tensor& target) {
      return focal_loss(x, target, {.gamma = gamma});
    });
  }
}

TEST(FocalLoss, IsFiniteWhereTheNetworkIsSure) {
  for (const double gamma : {0.0, 0.5, 2.0}) {
    expect_finite_at_extremes([&](const torch::Tensor& x, const torch::Tensor& target) {
      return focal_loss(x, target, {.gamma = gamma});
    });
  }
}

TEST(FocalLoss, SaysWhichShapesDisagree) {
  EXPECT_EQ(
      complaint(ErrorKind::usage,
                [] {
                  focal_loss(torch::zeros({2, 1, 4, 4}), torch::zeros({2, 4, 5}, torch::kInt64));
                }),
      "logits are [2, 1, 4, 4] and target is [2, 4, 5], expected [N,K,H,W] and [N,H,W]");
}

}  // namespace
}  // namespace groundglass
