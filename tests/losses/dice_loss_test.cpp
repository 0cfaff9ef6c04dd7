#include "groundglass/losses/dice_loss.h"

#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

double value_of_dice(const torch::Tensor& logits, const torch::Tensor& target,
                     const DiceLossOptions& options = {}) {
  return dice_loss(logits, target, options).item<double>();
}

// SPEC-SHARED section 3: TP 1.8, FP .3, FN 1.2, so 3.6 / 5.1.
TEST(DiceLoss, GivesTheGoldenNumber) {
  EXPECT_NEAR(value_of_dice(golden_logits(), golden_target(), {.smooth = 0}), 1 - 3.6 / 5.1, 1e-12);
  EXPECT_NEAR(value_of_dice(golden_logits(), golden_target(), {.smooth = 0}), 1 - 0.7058824, 5e-8);
}

TEST(DiceLoss, SmoothsAboveAndBelow) {
  EXPECT_NEAR(value_of_dice(golden_logits(), golden_target(), {.smooth = 1}), 1 - 4.6 / 6.1, 1e-12);
}

// 2 predicted, 2 true, 1 shared: Dice is 1/2, Jaccard would be 1/3.
TEST(DiceLoss, IsDiceAndNotJaccard) {
  const auto truth = torch::tensor({1, 1, 0, 0}, torch::kInt64).view({1, 2, 2});
  const auto guess = torch::tensor({1, 0, 1, 0}, torch::kInt64).view({1, 2, 2});
  EXPECT_NEAR(value_of_dice(certain(guess), truth, {.smooth = 0}), 0.5, 1e-12);
}

TEST(DiceLoss, IsZeroWhenPerfectAndWhenBothAreEmpty) {
  const auto mask = golden_target(), empty = torch::zeros({1, 2, 2}, torch::kInt64);
  EXPECT_NEAR(value_of_dice(certain(mask), mask), 0, 1e-12);
  EXPECT_NEAR(value_of_dice(certain(empty), empty), 0, 1e-10);
  EXPECT_NEAR(value_of_dice(certain(empty), empty, {.reduction = Reduction::per_image}), 0, 1e-10);
}

TEST(DiceLoss, IsOneWhenNothingIsShared) {
  const auto mask = golden_target();
  EXPECT_NEAR(value_of_dice(certain(1 - mask), mask), 1, 1e-6);
  EXPECT_NEAR(value_of_dice(certain(mask), torch::zeros_like(mask)), 1, 1e-6);
}

// One image found (1 pixel of 1), one missed (1 wrong for 3 true): 2 / (2 + 4) together, 1/2 apart.
TEST(DiceLoss, SumsOverTheBatchOrOverEachImage) {
  const auto truth = torch::tensor({1, 0, 0, 0, 1, 1, 1, 0}, torch::kInt64).view({2, 2, 2});
  const auto guess = torch::tensor({1, 0, 0, 0, 0, 0, 0, 1}, torch::kInt64).view({2, 2, 2});
  EXPECT_NEAR(value_of_dice(certain(guess), truth, {.smooth = 0}), 1 - 2.0 / 6, 1e-12);
  EXPECT_NEAR(
      value_of_dice(certain(guess), truth, {.smooth = 0, .reduction = Reduction::per_image}), 0.5,
      1e-12);
}

// tools/reference/losses.py, "K=3 all, dice"
TEST(DiceLoss, AgreesWithTheReferenceForThreeClasses) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return dice_loss(x, three_class_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.429530196142251,
      {0.020771431, 0.007505178, -0.019503613, -0.037789897, 0.036833850, 0.003100813, 0.017018466,
       -0.044339028, 0.016402800, 0.010723697, -0.021082156, 0.028235190, -0.047712156, 0.001111270,
       -0.032048919, 0.036988459, 0.019970886, 0.003813728});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return dice_loss(x, three_class_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.514638028350834,
      {0.025064980, 0.004108750, -0.019348333, -0.042805378, 0.027495015, 0.006870756, 0.017740398,
       -0.031603765, 0.012477578, 0.013964984, -0.001354751, 0.025927452, -0.031021975, 0.002580383,
       -0.027095476, 0.017056991, -0.001225632, 0.001168024});
}

// tools/reference/losses.py, "K=3 with 255, dice"
TEST(DiceLoss, DoesNotLookAtIgnoredPixels) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return dice_loss(x, ignoring_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.352127808231074,
      {0.031313817, 0.008482457, 0.000000000, -0.058068500, 0.045466719, 0.000000000, 0.026754682,
       -0.053949176, 0.000000000, 0.000000000, -0.034325193, 0.042702811, 0.000000000, 0.001515636,
       -0.048784050, 0.000000000, 0.032809557, 0.006081239});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return dice_loss(x, ignoring_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.488310980826205,
      {0.025425908, 0.004331270, 0.000000000, -0.046725025, 0.030846586, 0.000000000, 0.021299118,
       -0.035177857, 0.000000000, 0.000000000, -0.002316492, 0.058118981, 0.000000000, 0.004412050,
       -0.060737227, 0.000000000, -0.002095558, 0.002618246});
  const auto nothing = torch::full({1, 2, 2}, 255, torch::kInt64);
  EXPECT_NEAR(value_of_dice(golden_logits(), nothing), 0, 1e-12);
}

// tools/reference/losses.py, "dice, all classes"
TEST(DiceLoss, AddsUpTheClassesIfAsked) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return dice_loss(x, three_class_target(),
                         {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.567714092855075,
      {0.077130477, 0.013916404, -0.145697923, -0.109098277, 0.054109747, 0.046914631, 0.031967800,
       -0.068026151, 0.098783291, 0.043330202, -0.086116984, 0.071990287, -0.071987209, 0.014260257,
       -0.072651620, 0.028657007, 0.071856727, 0.000661334});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return dice_loss(x, ignoring_target(),
                         {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.745305133129062,
      {0.050852963, 0.008662783, 0, -0.093451049, 0.061693135, 0, 0.042598086, -0.070355919, 0, 0,
       -0.094226957, 0.140816947, 0, 0.018598518, -0.144009138, 0, 0.075628439, 0.003192191});
}

// Paper 002 prints the overlap without its factor 2 in one of two places.
TEST(DiceLoss, CanLeaveTheFactorOfTwoOut) {
  EXPECT_NEAR(value_of_dice(golden_logits(), golden_target(), {.smooth = 0, .dice_factor = 1}),
              1 - 1.8 / 5.1, 1e-12);
  const auto mask = golden_target();
  EXPECT_NEAR(value_of_dice(certain(mask), mask, {.classes = Classes::all, .dice_factor = 1}), 1,
              1e-6);
  const auto slope = [](double factor) {
    const auto x = golden_logits().requires_grad_();
    dice_loss(x, golden_target(), {.smooth = 0, .dice_factor = factor}).backward();
    return x.grad();
  };
  EXPECT_TRUE(torch::allclose(slope(1) * 2, slope(2)));
}

TEST(DiceLoss, CountsASigmoidAsTwoClasses) {
  const auto x = golden_logits();
  const DiceLossOptions both{.classes = Classes::all};
  // The background's own Dice: TP .7, FP 1.2, FN .3.
  EXPECT_NEAR(value_of_dice(x, golden_target(), {.smooth = 0, .classes = Classes::all}),
              (1 - 3.6 / 5.1) + (1 - 1.4 / 2.9), 1e-12);
  EXPECT_NEAR(value_of_dice(torch::cat({torch::zeros_like(x), x}, 1), golden_target(), both),
              value_of_dice(x, golden_target(), both), 1e-12);
}

TEST(DiceLoss, TakesMasksOfBytes) {
  EXPECT_EQ(value_of_dice(three_class_logits(), ignoring_target().to(torch::kUInt8)),
            value_of_dice(three_class_logits(), ignoring_target()));
}

TEST(DiceLoss, HasTheGradientOfItsDifferences) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_gradient_of_differences([&](const torch::Tensor& x, const torch::Tensor& target) {
        return dice_loss(x, target, {.smooth = 0.5, .reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(DiceLoss, IsFiniteWhereTheNetworkIsSure) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_finite_at_extremes([&](const torch::Tensor& x, const torch::Tensor& target) {
        return dice_loss(x, target, {.reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(DiceLoss, SaysWhichShapesDisagree) {
  const auto target = torch::zeros({2, 4, 5}, torch::kInt64);
  EXPECT_EQ(complaint(ErrorKind::usage,
                      [&] {
                        dice_loss(torch::zeros({2, 1, 4, 4}), target);
                      }),
            "logits are [2, 1, 4, 4] and target is [2, 4, 5], expected [N,K,H,W] and [N,H,W]");
  complaint(ErrorKind::usage, [&] { dice_loss(torch::zeros({3, 1, 4, 5}), target); });
  complaint(ErrorKind::usage, [&] { dice_loss(torch::zeros({2, 1, 3, 5}), target); });
  complaint(ErrorKind::usage, [&] { dice_loss(torch::zeros({2, 4, 5}), target); });
  complaint(ErrorKind::usage, [&] { dice_loss(torch::zeros({2, 1, 4, 5}), target.unsqueeze(1)); });
}

}  // namespace
}  // namespace groundglass
