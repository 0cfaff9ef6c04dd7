#include "groundglass/losses/squared_dice_loss.h"

#include <cmath>

#include "groundglass/losses/cross_entropy_loss.h"
#include "groundglass/losses/dice_loss.h"
#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

double value_of_squared_dice(const torch::Tensor& logits, const torch::Tensor& target,
                             const SquaredDiceLossOptions& options = {}) {
  return squared_dice_loss(logits, target, options).item<double>();
}

// SPEC-SHARED section 3: TP 1.8; the squares of p sum to 1.55, those of g to 3.
TEST(SquaredDiceLoss, GivesTheGoldenNumber) {
  EXPECT_NEAR(value_of_squared_dice(golden_logits(), golden_target(), {.smooth = 0}),
              1 - 3.6 / 4.55, 1e-12);
  EXPECT_NEAR(value_of_squared_dice(golden_logits(), golden_target(), {.smooth = 0}), 1 - 0.7912088,
              5e-8);
}

// Half cross-entropy and half this; the paper prints a sum over the pixels and Keras takes a mean.
TEST(SquaredDiceLoss, MakesUpTheHybridOfPaper001) {
  const double squared = value_of_squared_dice(golden_logits(), golden_target(), {.smooth = 0});
  const auto entropy = [](PixelReduction reduction) {
    return groundglass::cross_entropy_loss(golden_logits(), golden_target(),
                                           {.reduction = reduction})
        .item<double>();
  };
  EXPECT_NEAR(0.5 * entropy(PixelReduction::mean) + 0.5 * squared, 0.4778661, 5e-8);
  EXPECT_NEAR(0.5 * entropy(PixelReduction::sum) + 0.5 * squared, 1.5982776, 6e-8);
}

TEST(SquaredDiceLoss, SmoothsAboveAndBelow) {
  EXPECT_NEAR(value_of_squared_dice(golden_logits(), golden_target(), {.smooth = 1}),
              1 - 4.6 / 5.55, 1e-12);
}

TEST(SquaredDiceLoss, IsTheDiceLossOfCertainNetworksOnly) {
  const auto truth = torch::tensor({1, 1, 0, 0}, torch::kInt64).view({1, 2, 2});
  const auto guess = torch::tensor({1, 0, 1, 0}, torch::kInt64).view({1, 2, 2});
  EXPECT_NEAR(value_of_squared_dice(certain(guess), truth),
              dice_loss(certain(guess), truth).item<double>(), 1e-12);
  EXPECT_GT(std::abs(value_of_squared_dice(golden_logits(), golden_target()) -
                     dice_loss(golden_logits(), golden_target()).item<double>()),
            0.05);
}

TEST(SquaredDiceLoss, IsZeroWhenPerfectAndWhenBothAreEmpty) {
  const auto mask = golden_target(), empty = torch::zeros({1, 2, 2}, torch::kInt64);
  EXPECT_NEAR(value_of_squared_dice(certain(mask), mask), 0, 1e-12);
  EXPECT_NEAR(value_of_squared_dice(certain(empty), empty), 0, 1e-10);
  EXPECT_NEAR(value_of_squared_dice(certain(mask), empty), 1, 1e-6);
  EXPECT_NEAR(value_of_squared_dice(certain(mask), mask, {.classes = Classes::all}), 0, 1e-12);
  EXPECT_NEAR(value_of_squared_dice(golden_logits(), torch::full({1, 2, 2}, 255, torch::kInt64)), 0,
              1e-12);
}

// tools/reference/losses.py, "K=3 all, squared dice"
TEST(SquaredDiceLoss, AgreesWithTheReferenceForThreeClasses) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return squared_dice_loss(x, three_class_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.228081618222366,
      {0.019581308, 0.005642334, -0.027100882, -0.031120450, 0.025108289, -0.004815324, 0.011539142,
       -0.030750623, 0.031916206, 0.011734018, -0.037120762, 0.040652034, -0.053848950,
       -0.003507244, -0.042797858, 0.042114932, 0.040628006, 0.002145824});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return squared_dice_loss(x, three_class_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.381213454891858,
      {0.021766936, 0.002228666, -0.020205468, -0.032993090, 0.014723951, 0.001003740, 0.011226154,
       -0.016952617, 0.019201729, 0.015533381, -0.000222587, 0.034356093, -0.034506385, 0.000422686,
       -0.035903814, 0.018973004, -0.000200099, 0.001547720});
}

// tools/reference/losses.py, "K=3 with 255, squared dice"
TEST(SquaredDiceLoss, DoesNotLookAtIgnoredPixels) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return squared_dice_loss(x, ignoring_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.183410492379288,
      {0.029792321, 0.004922884, 0, -0.046411347, 0.024626300, 0, 0.016619026, -0.029549184, 0, 0,
       -0.046821936, 0.061161247, 0, -0.004285367, -0.064312595, 0, 0.051107303, 0.003151347});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return squared_dice_loss(x, ignoring_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.385001648571320,
      {0.021450268, 0.001793826, 0, -0.033004372, 0.013409518, 0, 0.011554104, -0.015203345, 0, 0,
       -0.000395455, 0.076694491, 0, 0.000750817, -0.080149527, 0, -0.000355362, 0.003455036});
}

// tools/reference/losses.py, "squared dice, all classes"
TEST(SquaredDiceLoss, AddsUpTheClassesIfAsked) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return squared_dice_loss(x, three_class_target(),
                                 {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.126778299584649,
      {0.068286469, 0.005327871, -0.178124376, -0.087518254, 0.029313434, 0.044702159, 0.019231785,
       -0.034641306, 0.133422216, 0.044252058, -0.104279902, 0.118440371, -0.077525939, 0.012173411,
       -0.117399784, 0.033273881, 0.092106491, -0.001040587});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return squared_dice_loss(x, ignoring_target(),
                                 {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.472364068924491,
      {0.042912738, 0.003588082, 0, -0.066019359, 0.026818970, 0, 0.023106621, -0.030407052, 0, 0,
       -0.106471603, 0.206180103, 0, 0.013031061, -0.208699395, 0, 0.093440542, 0.002519292});
}

TEST(SquaredDiceLoss, HasTheGradientOfItsDifferences) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_gradient_of_differences([&](const torch::Tensor& x, const torch::Tensor& target) {
        return squared_dice_loss(x, target,
                                 {.smooth = 0.5, .reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(SquaredDiceLoss, IsFiniteWhereTheNetworkIsSure) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_finite_at_extremes([&](const torch::Tensor& x, const torch::Tensor& target) {
        return squared_dice_loss(x, target, {.reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(SquaredDiceLoss, SaysWhichShapesDisagree) {
  const auto target = torch::zeros({2, 4, 5}, torch::kInt64);
  for (const auto classes : {Classes::foreground, Classes::all}) {
    EXPECT_EQ(
        complaint(ErrorKind::usage,
                  [&] {
                    squared_dice_loss(torch::zeros({2, 1, 4, 4}), target, {.classes = classes});
                  }),
        "logits are [2, 1, 4, 4] and target is [2, 4, 5], expected [N,K,H,W] and [N,H,W]");
  }
}

}  // namespace
}  // namespace groundglass
