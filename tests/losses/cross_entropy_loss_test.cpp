#include "groundglass/losses/cross_entropy_loss.h"

#include <cmath>

#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

// Named in full, since at::cross_entropy_loss is found for tensors as well.
double value_of_cross_entropy(const torch::Tensor& logits, const torch::Tensor& target,
                              const CrossEntropyLossOptions& options = {}) {
  return groundglass::cross_entropy_loss(logits, target, options).item<double>();
}

TEST(CrossEntropyLoss, GivesTheGoldenNumber) {
  const double sum = std::log(0.9) + std::log(0.8) + std::log(0.7) + std::log(0.1);
  EXPECT_NEAR(value_of_cross_entropy(golden_logits(), golden_target()), -sum / 4, 1e-12);
  EXPECT_NEAR(value_of_cross_entropy(golden_logits(), golden_target()), 0.7469410,
              5e-8);  // SPEC-SHARED section 3
}

// Paper 001 prints a sum over the pixels.
TEST(CrossEntropyLoss, SumsOverThePixelsThatCountIfAsked) {
  const CrossEntropyLossOptions sum{.reduction = PixelReduction::sum};
  EXPECT_NEAR(value_of_cross_entropy(golden_logits(), golden_target(), sum),
              4 * value_of_cross_entropy(golden_logits(), golden_target()), 1e-12);
  EXPECT_NEAR(value_of_cross_entropy(three_class_logits(), ignoring_target(), sum),
              4 * value_of_cross_entropy(three_class_logits(), ignoring_target()), 1e-12);
  EXPECT_EQ(
      value_of_cross_entropy(golden_logits(), torch::full({1, 2, 2}, 255, torch::kInt64), sum), 0);
}

TEST(CrossEntropyLoss, OfOneLogitIsThatOfTwoWithABackgroundOfZero) {
  const auto x = golden_logits();
  EXPECT_NEAR(value_of_cross_entropy(torch::cat({torch::zeros_like(x), x}, 1), golden_target()),
              value_of_cross_entropy(x, golden_target()), 1e-12);
}

// tools/reference/losses.py, "K=3 all, cross entropy"
TEST(CrossEntropyLoss, AgreesWithTheReferenceForThreeClasses) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) {
        return groundglass::cross_entropy_loss(x, three_class_target());
      },
      three_class_logits(), 0.664984094124006,
      {0.040405495, 0.006732692, -0.094560516, -0.056833144, 0.024704244, 0.029316173, 0.016427648,
       -0.031436936, 0.065244343, 0.037478924, -0.083979967, 0.108110363, -0.083255786, 0.009161947,
       -0.112980649, 0.045776862, 0.074818020, 0.004870286});
}

// tools/reference/losses.py, "K=3 with 255, cross entropy"
TEST(CrossEntropyLoss, DoesNotLookAtIgnoredPixels) {
  expect_value_and_gradient(
      [](const torch::Tensor& x) { return groundglass::cross_entropy_loss(x, ignoring_target()); },
      three_class_logits(), 0.614957763211560,
      {0.060608243, 0.010099038, 0.000000000, -0.085249715, 0.037056366, 0.000000000, 0.024641473,
       -0.047155404, 0.000000000, 0.000000000, -0.125969951, 0.162165545, 0.000000000, 0.013742921,
       -0.169470974, 0.000000000, 0.112227030, 0.007305428});
  auto target = golden_target();
  target[0][1][1] = 255;  // the pixel with p = .1
  const double sum = std::log(0.9) + std::log(0.8) + std::log(0.7);
  EXPECT_NEAR(value_of_cross_entropy(golden_logits(), target), -sum / 3, 1e-12);
}

// tools/reference/losses.py, "K=3 all" and "K=3 with 255, cross entropy weighed .5 1 3"
TEST(CrossEntropyLoss, WeighsPixelsByTheirTrueClass) {
  const CrossEntropyLossOptions weighed{.class_weights = {0.5, 1, 3}};
  expect_value_and_gradient(
      [&](const torch::Tensor& x) {
        return groundglass::cross_entropy_loss(x, three_class_target(), weighed);
      },
      three_class_logits(), 0.519792763085675,
      {0.034633282, 0.017312636, -0.040525935, -0.048714123, 0.063525198, 0.012564074, 0.014080841,
       -0.080837835, 0.027961861, 0.032124792, -0.035991414, 0.092666026, -0.071362102, 0.003926549,
       -0.096840556, 0.039237310, 0.032064866, 0.004174531});
  EXPECT_NEAR(value_of_cross_entropy(three_class_logits(), ignoring_target(), weighed),
              0.459528011188642, 1e-12);
  EXPECT_NEAR(value_of_cross_entropy(golden_logits(), golden_target(), {.class_weights = {2, 1}}),
              0.6688878095687093, 1e-12);  // (e1 + e2 + 2 e3 + e4) / 5
  EXPECT_NEAR(value_of_cross_entropy(three_class_logits(), three_class_target(),
                                     {.class_weights = {7, 7, 7}}),
              value_of_cross_entropy(three_class_logits(), three_class_target()), 1e-12);
  const CrossEntropyLossOptions sum{PixelReduction::sum, {0.5, 1, 3}};
  EXPECT_NEAR(value_of_cross_entropy(three_class_logits(), three_class_target(), sum),
              0.519792763085675 * (2 * 0.5 + 3 * 1 + 3), 1e-12);
  EXPECT_EQ(value_of_cross_entropy(three_class_logits(), torch::full({2, 1, 3}, 255, torch::kInt64),
                                   weighed),
            0);
}

TEST(CrossEntropyLoss, SaysHowManyWeightsItExpects) {
  for (const std::vector<double>& weights : {std::vector<double>{1, 2}, {1, -1, 1}, {0, 0, 0}}) {
    EXPECT_TRUE(says(complaint(ErrorKind::recipe,
                               [&] {
                                 value_of_cross_entropy(three_class_logits(), three_class_target(),
                                                        {.class_weights = weights});
                               }),
                     {"class_weights", "expected 3", "none below 0"}));
  }
}

TEST(CrossEntropyLoss, IsZeroIfEveryPixelIsIgnored) {
  EXPECT_EQ(value_of_cross_entropy(golden_logits(), torch::full({1, 2, 2}, 255, torch::kInt64)), 0);
  EXPECT_EQ(
      value_of_cross_entropy(three_class_logits(), torch::full({2, 1, 3}, 255, torch::kInt64)), 0);
}

TEST(CrossEntropyLoss, TakesMasksOfBytes) {
  for (const auto& logits : {three_class_logits(), three_class_logits().narrow(1, 0, 1)}) {
    const auto target = ignoring_target().clamp_min(0);
    EXPECT_EQ(value_of_cross_entropy(logits, target.to(torch::kUInt8)),
              value_of_cross_entropy(logits, target));
  }
}

TEST(CrossEntropyLoss, GrowsLinearlyWhereTheNetworkIsSureAndWrong) {
  const auto empty = torch::zeros({1, 2, 2}, torch::kInt64);
  EXPECT_NEAR(value_of_cross_entropy(certain(empty + 1), empty), 40, 1e-6);
  EXPECT_NEAR(value_of_cross_entropy(certain(empty), empty), 0, 1e-12);
}

TEST(CrossEntropyLoss, HasTheGradientOfItsDifferences) {
  for (const auto reduction : {PixelReduction::mean, PixelReduction::sum}) {
    expect_gradient_of_differences([&](const torch::Tensor& x, const torch::Tensor& target) {
      return groundglass::cross_entropy_loss(x, target, {.reduction = reduction});
    });
  }
}

TEST(CrossEntropyLoss, IsFiniteWhereTheNetworkIsSure) {
  for (const auto reduction : {PixelReduction::mean, PixelReduction::sum}) {
    expect_finite_at_extremes([&](const torch::Tensor& x, const torch::Tensor& target) {
      return groundglass::cross_entropy_loss(x, target, {.reduction = reduction});
    });
  }
}

TEST(CrossEntropyLoss, HasASlopeAtZero) {  // where |x| and relu have none
  const auto x = torch::zeros({1, 1, 1, 2}, kDouble).requires_grad_();
  groundglass::cross_entropy_loss(x, torch::tensor({0, 1}, torch::kInt64).view({1, 1, 2}))
      .backward();
  EXPECT_TRUE(torch::allclose(x.grad().flatten(), torch::tensor({0.25, -0.25}, kDouble)))
      << x.grad();
}

TEST(CrossEntropyLoss, SaysWhichShapesDisagree) {
  EXPECT_EQ(complaint(ErrorKind::usage,
                      [] {
                        groundglass::cross_entropy_loss(torch::zeros({2, 1, 4, 4}),
                                                        torch::zeros({2, 4, 5}, torch::kInt64));
                      }),
            "logits are [2, 1, 4, 4] and target is [2, 4, 5], expected [N,K,H,W] and [N,H,W]");
}

}  // namespace
}  // namespace groundglass
