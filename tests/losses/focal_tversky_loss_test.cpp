#include "groundglass/losses/focal_tversky_loss.h"

#include <cmath>

#include "groundglass/losses/tversky_loss.h"
#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

double value_of_focal_tversky(const torch::Tensor& logits, const torch::Tensor& target,
                              const FocalTverskyLossOptions& options = {}) {
  return focal_tversky_loss(logits, target, options).item<double>();
}

double golden(double a_fn, double a_fp, FocalExponent exponent) {
  return value_of_focal_tversky(golden_logits(), golden_target(),
                                {.a_fn = a_fn, .a_fp = a_fp, .exponent = exponent, .smooth = 0});
}

// SPEC-SHARED section 3, where gamma is 4/3. The last is printed .1495667 there; it is .14956685.
TEST(FocalTverskyLoss, GivesTheGoldenNumbersOfEveryReadingOfTheExponent) {
  EXPECT_NEAR(golden(0.7, 0.3, FocalExponent::one_over_gamma), 0.4459028, 5e-8);
  EXPECT_NEAR(golden(0.3, 0.7, FocalExponent::one_over_gamma), 0.3434353, 5e-8);
  EXPECT_NEAR(golden(0.7, 0.3, FocalExponent::gamma_minus_1), 0.6984041, 5e-8);
  EXPECT_NEAR(golden(0.3, 0.7, FocalExponent::gamma_minus_1), 0.6218832, 5e-8);
  EXPECT_NEAR(golden(0.7, 0.3, FocalExponent::gamma), 0.2379179, 5e-8);
  EXPECT_NEAR(golden(0.3, 0.7, FocalExponent::gamma), 0.1495668497, 5e-11);
}

TEST(FocalTverskyLoss, IsTheTverskyLossForAGammaOfOne) {
  for (const auto classes : {Classes::foreground, Classes::all}) {
    for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
      EXPECT_NEAR(value_of_focal_tversky(three_class_logits(), ignoring_target(),
                                         {.gamma = 1, .reduction = reduction, .classes = classes}),
                  tversky_loss(three_class_logits(), ignoring_target(),
                               {.reduction = reduction, .classes = classes})
                      .item<double>(),
                  1e-12);
    }
  }
}

// SPEC-002 section 8: what is won by finding a missed pixel grows with the weight of misses.
TEST(FocalTverskyLoss, RewardsFindingAMissedPixelMoreTheMoreMissesWeigh) {
  const auto truth = torch::tensor({1, 1, 1, 0}, torch::kInt64).view({1, 2, 2});
  const auto missed = torch::tensor({1, 0, 0, 0}, torch::kInt64).view({1, 2, 2});
  const auto found = torch::tensor({1, 1, 0, 0}, torch::kInt64).view({1, 2, 2});
  const auto won = [&](double a_fn) {
    const FocalTverskyLossOptions options{.a_fn = a_fn, .a_fp = 1 - a_fn};
    return value_of_focal_tversky(certain(missed), truth, options) -
           value_of_focal_tversky(certain(found), truth, options);
  };
  EXPECT_GT(won(0.7), won(0.3));
  EXPECT_GT(won(0.3), 0);
}

TEST(FocalTverskyLoss, IsZeroAndCanBeLeftWhenPerfectAndWhenBothAreEmpty) {
  const auto mask = golden_target(), empty = torch::zeros({1, 2, 2}, torch::kInt64);
  for (const auto exponent :
       {FocalExponent::one_over_gamma, FocalExponent::gamma_minus_1, FocalExponent::gamma}) {
    for (const auto& truth : {mask, empty}) {
      for (const auto classes : {Classes::foreground, Classes::all}) {
        // In float32 a logit of 200 leaves nothing wrong at all, where a root has no slope.
        const auto x = (certain(truth) * 5).to(torch::kFloat32).requires_grad_();
        const auto loss = focal_tversky_loss(x, truth, {.exponent = exponent, .classes = classes});
        loss.backward();
        EXPECT_EQ(loss.item<double>(), 0);
        EXPECT_TRUE(torch::isfinite(x.grad()).all().item<bool>());
      }
    }
  }
  EXPECT_NEAR(value_of_focal_tversky(certain(mask), empty), 1, 1e-5);
  EXPECT_NEAR(value_of_focal_tversky(certain(empty), mask), 1, 1e-5);
}

// The chord meets the curve: no step at 1 - TI = 1e-7.
TEST(FocalTverskyLoss, HasNoStepWhereTheChordBegins) {
  const auto truth = torch::ones({1, 1, 1}, torch::kInt64);
  const auto at = [&](double wrong) {  // 1 - TI of one pixel is .7 wrong / (1 - .3 wrong)
    return value_of_focal_tversky(torch::full({1, 1, 1, 1}, -std::log(wrong), kDouble), truth,
                                  {.smooth = 0});
  };
  EXPECT_NEAR(at(1.4286e-7) / at(1.4285e-7), 1, 1e-4);
  EXPECT_NEAR(at(1.5e-7), std::pow(0.7 * 1.5e-7, 0.75), 1e-10);
  EXPECT_LT(at(1e-7), at(1.2e-7));
}

TEST(FocalTverskyLoss, RefusesAGammaThatLeavesNothingToLearn) {
  EXPECT_EQ(complaint(ErrorKind::usage,
                      [] {
                        value_of_focal_tversky(
                            golden_logits(), golden_target(),
                            {.gamma = 1, .exponent = FocalExponent::gamma_minus_1});
                      }),
            "focal_tversky: gamma 1 makes the exponent 0, expected above 0");
}

// tools/reference/losses.py, "K=3 all, focal tversky fn .7 fp .3"
TEST(FocalTverskyLoss, AgreesWithTheReferenceForThreeClasses) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return focal_tversky_loss(x, three_class_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.515035325069278,
      {0.021411762, 0.009498174, -0.013539057, -0.036715813, 0.039138218, -0.000417724, 0.015304051,
       -0.048636392, 0.013956781, 0.012074956, -0.015698604, 0.028826280, -0.045211047,
       -0.000149704, -0.032081183, 0.033136090, 0.015848308, 0.003254903});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return focal_tversky_loss(x, three_class_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.600546407958463,
      {0.030359373, 0.005861063, -0.012878545, -0.048021973, 0.028787548, 0.003404908, 0.017662600,
       -0.034648611, 0.009473637, 0.012813973, -0.000541232, 0.023790547, -0.028465298, 0.001030464,
       -0.024862324, 0.015651325, -0.000489232, 0.001071777});
}

// tools/reference/losses.py, "K=3 with 255, focal tversky fn .7 fp .3"
TEST(FocalTverskyLoss, DoesNotLookAtIgnoredPixels) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return focal_tversky_loss(x, ignoring_target(), {.reduction = Reduction::batch});
      },
      three_class_logits(), 0.459566180273994,
      {0.032439274, 0.011644337, 0, -0.055612271, 0.049242416, 0, 0.023172997, -0.060886752, 0, 0,
       -0.023758399, 0.043670808, 0, -0.000215988, -0.048598139, 0, 0.023974387, 0.004927331});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return focal_tversky_loss(x, ignoring_target(), {.reduction = Reduction::per_image});
      },
      three_class_logits(), 0.587773927036072,
      {0.032125891, 0.007081087, 0, -0.052630755, 0.034342413, 0, 0.020504863, -0.041423500, 0, 0,
       -0.000848445, 0.048160742, 0, 0.001614923, -0.050330425, 0, -0.000766478, 0.002169683});
}

// tools/reference/losses.py, "focal tversky fn .7 fp .3, all classes"
TEST(FocalTverskyLoss, AddsUpTheClassesIfAsked) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return focal_tversky_loss(x, three_class_target(),
                                  {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.831162995625865,
      {0.073259940, 0.014369152, -0.127113529, -0.106953424, 0.057166222, 0.038232898, 0.033693484,
       -0.071535374, 0.088880630, 0.034767862, -0.085812799, 0.059531282, -0.062831840, 0.011304737,
       -0.060680908, 0.028063978, 0.074508061, 0.001149625});
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return focal_tversky_loss(x, ignoring_target(),
                                  {.reduction = Reduction::per_image, .classes = Classes::all});
      },
      three_class_logits(), 1.983719181017291,
      {0.064254652, 0.014162779, 0, -0.105264006, 0.068684733, 0, 0.041009353, -0.082847512, 0, 0,
       -0.092207502, 0.110049558, 0, 0.013104267, -0.113247123, 0, 0.079103235, 0.003197565});
}

TEST(FocalTverskyLoss, HasTheGradientOfItsDifferences) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_gradient_of_differences([&](const torch::Tensor& x, const torch::Tensor& target) {
        return focal_tversky_loss(x, target,
                                  {.smooth = 0.5, .reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(FocalTverskyLoss, IsFiniteWhereTheNetworkIsSure) {
  for (const auto reduction : {Reduction::batch, Reduction::per_image}) {
    for (const auto classes : {Classes::foreground, Classes::all}) {
      expect_finite_at_extremes([&](const torch::Tensor& x, const torch::Tensor& target) {
        return focal_tversky_loss(x, target, {.reduction = reduction, .classes = classes});
      });
    }
  }
}

TEST(FocalTverskyLoss, SaysWhichShapesDisagree) {
  const auto target = torch::zeros({2, 4, 5}, torch::kInt64);
  for (const auto classes : {Classes::foreground, Classes::all}) {
    EXPECT_EQ(
        complaint(ErrorKind::usage,
                  [&] {
                    focal_tversky_loss(torch::zeros({2, 1, 4, 4}), target, {.classes = classes});
                  }),
        "logits are [2, 1, 4, 4] and target is [2, 4, 5], expected [N,K,H,W] and [N,H,W]");
  }
}

}  // namespace
}  // namespace groundglass
