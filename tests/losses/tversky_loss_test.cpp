#include "groundglass/losses/tversky_loss.h"

#include <cmath>

#include "groundglass/losses/dice_loss.h"
#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

double value_of_tversky(const torch::Tensor& logits, const torch::Tensor& target,
                        const TverskyLossOptions& options = {}) {
  return tversky_loss(logits, target, options).item<double>();
}

// SPEC-SHARED section 3: TP 1.8, FP .3, FN 1.2.
TEST(TverskyLoss, GivesTheGoldenNumbersAndKnowsMissesFromFalseAlarms) {
  const auto x = golden_logits();
  const auto t = golden_target();
  EXPECT_NEAR(value_of_tversky(x, t, {.a_fn = 0.7, .a_fp = 0.3, .smooth = 0}), 1 - 1.8 / 2.73,
              1e-12);
  EXPECT_NEAR(value_of_tversky(x, t, {.a_fn = 0.7, .a_fp = 0.3, .smooth = 0}), 1 - 0.6593407, 5e-8);
  EXPECT_NEAR(value_of_tversky(x, t, {.a_fn = 0.3, .a_fp = 0.7, .smooth = 0}), 1 - 1.8 / 2.37,
              1e-12);
  EXPECT_NEAR(value_of_tversky(x, t, {.a_fn = 0.3, .a_fp = 0.7, .smooth = 0}), 1 - 0.7594937, 5e-8);
}

TEST(TverskyLoss, WeighsMissesMoreUnlessTold) {
  EXPECT_NEAR(value_of_tversky(golden_logits(), golden_target()), 1 - 0.6593407, 3e-7);
}

TEST(TverskyLoss, SmoothsAboveAndBelow) {
  EXPECT_NEAR(value_of_tversky(golden_logits(), golden_target(), {.smooth = 1}), 1 - 2.8 / 3.73,
              1e-12);
}

TEST(TverskyLoss, IsDiceAtOneHalfEach) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      EXPECT_NEAR(
          value_of_tversky(
              three_class_logits(), three_class_target(),
              {.a_fn = 0.5, .a_fp = 0.5, .smooth = 0, .reduction = reduction, .classes = classes}),
          dice_loss(three_class_logits(), three_class_target(),
                    {.smooth = 0, .reduction = reduction, .classes = classes})
              .item<double>(),
          1e-12);
    }
  }
}

// SPEC-002 section 3: over both classes a false alarm of one is a miss of the other, so swapping
// the weights changes little, and for one class much.
TEST(TverskyLoss, IsNearlySymmetricOverBothClasses) {
  const auto swing = [](Classes classes) {
    const auto x = golden_logits();
    return value_of_tversky(x, golden_target(), {.a_fn = 0.7, .a_fp = 0.3, .classes = classes}) -
           value_of_tversky(x, golden_target(), {.a_fn = 0.3, .a_fp = 0.7, .classes = classes});
  };
  EXPECT_NEAR(swing(Classes::foreground), 0.1001531, 1e-6);
  EXPECT_LT(std::abs(swing(Classes::all)), 0.1);
}

TEST(TverskyLoss, CostsAMissMoreTheMoreMissesWeigh) {
  const auto truth = torch::tensor({1, 1, 0, 0}, torch::kInt64).view({1, 2, 2});
  const auto missing_one = torch::tensor({1, 0, 0, 0}, torch::kInt64).view({1, 2, 2});
  const auto one_too_many = torch::tensor({1, 1, 1, 0}, torch::kInt64).view({1, 2, 2});
  EXPECT_GT(value_of_tversky(certain(missing_one), truth, {.a_fn = 0.7, .a_fp = 0.3}),
            value_of_tversky(certain(missing_one), truth, {.a_fn = 0.3, .a_fp = 0.3}));
  EXPECT_NEAR(value_of_tversky(certain(one_too_many), truth, {.a_fn = 0.7, .a_fp = 0.3}),
              value_of_tversky(certain(one_too_many), truth, {.a_fn = 0.3, .a_fp = 0.3}), 1e-12);
}

// The loss of system 000, half Dice and half Tversky, and the focal exponent of system 002.
TEST(TverskyLoss, MakesUpTheHybridOfThePaper) {
  const auto x = golden_logits();
  const auto t = golden_target();
  const double tversky = value_of_tversky(x, t, {.smooth = 0});
  EXPECT_NEAR(0.5 * dice_loss(x, t, {.smooth = 0}).item<double>() + 0.5 * tversky, 0.3173885, 5e-8);
  EXPECT_NEAR(std::pow(tversky, 0.75), 0.4459028, 5e-8);
}

TEST(TverskyLoss, IsZeroWhenPerfectAndWhenBothAreEmpty) {
  const auto mask = golden_target(), empty = torch::zeros({1, 2, 2}, torch::kInt64);
  EXPECT_NEAR(value_of_tversky(certain(mask), mask), 0, 1e-12);
  EXPECT_NEAR(value_of_tversky(certain(empty), empty), 0, 1e-10);
  EXPECT_NEAR(value_of_tversky(certain(mask), empty), 1, 1e-5);
  EXPECT_NEAR(value_of_tversky(certain(empty), mask), 1, 1e-5);
}

// tools/reference/losses.py, "K=3 all, tversky"
TEST(TverskyLoss, AgreesWithTheReferenceForThreeClasses) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return tversky_loss(x, three_class_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.413105073728121,
      {0.023347636, 0.009959834, -0.014290747, -0.039764085, 0.041207491, -0.000277966, 0.016416449,
       -0.051167325, 0.014568713, 0.013290331, -0.016502752, 0.031398671, -0.048817442,
       -0.000099617, -0.034865909, 0.035527111, 0.016602370, 0.003467238});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return tversky_loss(x, three_class_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.524746788616644,
      {0.030944252, 0.005538191, -0.012467464, -0.048569779, 0.027722068, 0.003713533, 0.017625527,
       -0.033260260, 0.008753931, 0.014405883, -0.000608522, 0.026746124, -0.032001672, 0.001158476,
       -0.027951059, 0.017595789, -0.000549954, 0.001204935});
}

// tools/reference/losses.py, "K=3 with 255, tversky"
TEST(TverskyLoss, DoesNotLookAtIgnoredPixels) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return tversky_loss(x, ignoring_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.357142739714534,
      {0.035544559, 0.011192745, 0.000000000, -0.059620530, 0.048149530, 0.000000000, 0.024075971,
       -0.059342275, 0.000000000, 0.000000000, -0.023049807, 0.047687156, 0.000000000, 0.000071746,
       -0.052688827, 0.000000000, 0.022978061, 0.005001672});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return tversky_loss(x, ignoring_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.517621723308950,
      {0.031961042, 0.005981401, 0.000000000, -0.051291214, 0.030200563, 0.000000000, 0.019330172,
       -0.036181964, 0.000000000, 0.000000000, -0.000997327, 0.056606310, 0.000000000, 0.001898109,
       -0.059156485, 0.000000000, -0.000900782, 0.002550176});
}

// tools/reference/losses.py, "tversky fn .7 fp .3, all classes"
TEST(TverskyLoss, AddsUpTheClassesIfAsked) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return tversky_loss(x, three_class_target(),
                            {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.589689167422197,
      {0.076135634, 0.014083474, -0.140078542, -0.109533016, 0.054979646, 0.043124525, 0.033397382,
       -0.069063120, 0.096954017, 0.039322711, -0.098657312, 0.067235020, -0.070789802, 0.012947375,
       -0.068501866, 0.031467091, 0.085709936, 0.001266846});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return tversky_loss(x, ignoring_target(),
                            {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.797503119998213,
      {0.063925910, 0.011963610, 0, -0.102585756, 0.060401001, 0, 0.038659846, -0.072364611, 0, 0,
       -0.104697162, 0.128789881, 0, 0.015000736, -0.132594630, 0, 0.089696426, 0.003804748});
}

TEST(TverskyLoss, HasTheGradientOfItsDifferences) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_gradient_of_differences([&](const torch::Tensor& x, const torch::Tensor& target) {
        return tversky_loss(x, target, {.smooth = 0.5, .reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(TverskyLoss, IsFiniteWhereTheNetworkIsSure) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_finite_at_extremes([&](const torch::Tensor& x, const torch::Tensor& target) {
        return tversky_loss(x, target, {.reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(TverskyLoss, SaysWhichShapesDisagree) {
  EXPECT_EQ(
      complaint(ErrorKind::usage,
                [] {
                  tversky_loss(torch::zeros({2, 1, 4, 4}), torch::zeros({2, 4, 5}, torch::kInt64));
                }),
      "logits are [2, 1, 4, 4] and target is [2, 4, 5], expected [N,K,H,W] and [N,H,W]");
}

}  // namespace
}  // namespace groundglass
