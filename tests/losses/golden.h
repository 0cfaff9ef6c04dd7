#pragma once

#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

// The examples on which tools/reference/losses.py works: one that fits on paper, and one with three
// classes that is different in every image, pixel and class.
namespace groundglass {

inline const auto kDouble = torch::dtype(torch::kFloat64);

/// Logits whose sigmoid is .9, .8, .3, .1 as [1,1,2,2].
inline torch::Tensor golden_logits() {
  return torch::logit(torch::tensor({0.9, 0.8, 0.3, 0.1}, kDouble)).view({1, 1, 2, 2});
}

/// 1, 1, 0, 1 as [1,2,2].
inline torch::Tensor golden_target() {
  return torch::tensor({1, 1, 0, 1}, torch::kInt64).view({1, 2, 2});
}

/// [2,3,1,3]: images, classes, pixels.
inline torch::Tensor three_class_logits() {
  return torch::tensor({0.5, -1.0, 0.2, 1.5, 0.3, -0.7, -0.4, 2.0, 0.1,  //
                        -0.2, 0.9, 1.1, 0.6, -1.3, 0.4, 0.0, 0.8, -2.0},
                       kDouble)
      .view({2, 3, 1, 3});
}

inline torch::Tensor three_class_target() {
  return torch::tensor({1, 2, 0, 1, 0, 1}, torch::kInt64).view({2, 1, 3});
}

/// The same with two pixels to ignore.
inline torch::Tensor ignoring_target() {
  return torch::tensor({1, 2, 255, 255, 0, 1}, torch::kInt64).view({2, 1, 3});
}

/// Certain of the mask: +40 where it is 1, -40 elsewhere; [N,H,W] -> [N,1,H,W].
inline torch::Tensor certain(const torch::Tensor& mask) {
  return ((mask.to(torch::kFloat64) * 2 - 1) * 40).unsqueeze(1);
}

/// Value and gradient of `loss` at the logits beside those of the script.
template <class Loss>
void expect_value_and_gradient(const Loss& loss, const torch::Tensor& logits, double value,
                               const std::vector<double>& gradient) {
  const auto x = logits.clone().requires_grad_();
  const auto y = loss(x);
  EXPECT_EQ(y.dim(), 0);
  EXPECT_NEAR(y.template item<double>(), value, 1e-12);
  y.backward();
  const auto flat = x.grad().flatten();
  ASSERT_EQ(flat.numel(), static_cast<int64_t>(gradient.size()));
  for (size_t i = 0; i < gradient.size(); ++i) {
    EXPECT_NEAR(flat[static_cast<int64_t>(i)].template item<double>(), gradient[i], 2e-9) << i;
  }
}

/// Central differences in float64 at random logits, for one class and for three, with some pixels
/// ignored.
template <class Loss>
void expect_gradient_of_differences(const Loss& loss) {
  torch::manual_seed(1);
  for (const int64_t k : {1, 3}) {
    auto target = torch::randint(0, std::max<int64_t>(k, 2), {2, 3, 4}, torch::kInt64);
    target[1][2][1] = 255;
    const auto x = torch::randn({2, k, 3, 4}, kDouble).requires_grad_();
    loss(x, target).backward();
    const auto flat = x.detach().flatten();
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const auto at = [&](double d) {
        auto moved = flat.clone();
        moved[i] += d;
        return loss(moved.view(x.sizes()), target).template item<double>();
      };
      EXPECT_NEAR(x.grad().flatten()[i].template item<double>(), (at(1e-5) - at(-1e-5)) / 2e-5,
                  1e-8)
          << "K = " << k << ", logit " << i;
    }
  }
}

/// Finite value and gradients in float32 where the network is utterly sure, right or wrong.
template <class Loss>
void expect_finite_at_extremes(const Loss& loss) {
  for (const int64_t k : {1, 3}) {
    for (const int64_t label : {0, 1, 255}) {
      const auto target = torch::full({2, 3, 4}, label, torch::kInt64);
      for (const double sign : {40.0, -40.0}) {
        auto logits = torch::full({2, k, 3, 4}, -sign);
        logits.select(1, k - 1).fill_(sign);
        logits.requires_grad_();
        const auto y = loss(logits, target);
        y.backward();
        EXPECT_TRUE(torch::isfinite(y).template item<bool>()) << k << " " << label << " " << sign;
        EXPECT_TRUE(torch::isfinite(logits.grad()).all().template item<bool>())
            << k << " " << label << " " << sign;
      }
    }
  }
}

}  // namespace groundglass
