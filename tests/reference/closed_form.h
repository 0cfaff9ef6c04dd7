#pragma once

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "groundglass/models/segmentation_model.h"

// Weights and images that tools/reference/*.py make by the same formulas, so that no file is
// needed.
namespace groundglass {

/// Element j is sin(step j + phase), float64.
inline torch::Tensor wave(torch::IntArrayRef shape, double step, double phase = 0) {
  const int64_t n = c10::multiply_integers(shape);
  return torch::sin(torch::arange(n, torch::kFloat64) * step + phase).view(shape);
}

/// The k-th parameter: sin(0.7 j + k) / sqrt(fan in), fan in being the product of all sizes but the
/// first.
inline torch::Tensor closed_form(torch::IntArrayRef shape, double k) {
  const int64_t fan_in = shape.size() > 1 ? c10::multiply_integers(shape.slice(1)) : 1;
  return wave(shape, 0.7, k) / std::sqrt(static_cast<double>(fan_in));
}

/// Gives the parameters, in the order of `names`, their closed forms (batch norm's scales lie about
/// 1), and the moving statistics theirs.
inline void fill_closed_form(torch::nn::Module& module, const std::vector<std::string>& names) {
  const torch::NoGradGuard no_grad;
  auto parameters = module.named_parameters();
  double k = 0;
  for (const auto& name : names) {
    auto* parameter = parameters.find(name);
    ASSERT_NE(parameter, nullptr) << name;
    const auto values = closed_form(parameter->sizes(), ++k);
    const bool scale =
        parameter->dim() == 1 && name.find("norm") != std::string::npos && name.ends_with("weight");
    parameter->copy_(scale ? 1 + 0.1 * values : values);
  }
  for (auto& buffer : module.named_buffers()) {
    const auto j = torch::arange(buffer.value().numel(), torch::kFloat64) * 0.3;
    if (buffer.key().ends_with("running_mean")) buffer.value().copy_(0.1 * torch::sin(j));
    if (buffer.key().ends_with("running_var")) buffer.value().copy_(1 + 0.1 * torch::cos(j));
  }
}

/// What a reference script says about the gradient of one parameter.
struct Gradient {
  const char* name;
  double sum, absolute;       ///< sum of the elements, and of their absolute values
  std::array<int64_t, 4> at;  ///< places of four elements
  std::array<double, 4> value;
};

/// What a reference script says about one network. Logits stand at kPositions.
struct Reference {
  std::vector<double> eval_logits;
  double eval_mean_square;  ///< of all logits in eval mode
  std::vector<double> train_logits;
  double loss;  ///< mean of the squared logits in train mode
  std::vector<Gradient> gradients;
  std::vector<std::pair<std::string, std::vector<double>>> moving;  ///< after one training pass
};

const std::vector<int64_t> kPositions = {31,  35,   198,  431,  595,  824,
                                         960, 1055, 1221, 1590, 1979, 2047};

inline void expect_logits(const torch::Tensor& logits, const std::vector<double>& expected,
                          double tolerance) {
  const auto flat = logits.detach().to(torch::kFloat64).flatten();
  for (size_t i = 0; i < kPositions.size(); ++i) {
    EXPECT_NEAR(flat[kPositions[i]].item<double>(), expected[i], tolerance)
        << "position " << kPositions[i];
  }
}

/// Compares a network whose weights are closed forms with the reference, in the type of `image`.
/// `tolerance` is absolute for logits; for a gradient it is a share of its absolute sum.
inline void expect_reference(SegmentationModel& model, const torch::Tensor& image,
                             const Reference& reference, double tolerance) {
  model.eval();
  auto logits = model.forward(image).logits;
  expect_logits(logits, reference.eval_logits, tolerance);
  EXPECT_NEAR(logits.square().mean().item<double>(), reference.eval_mean_square, tolerance);
  model.train();
  logits = model.forward(image).logits;
  expect_logits(logits, reference.train_logits, tolerance);
  const auto loss = logits.square().mean();
  EXPECT_NEAR(loss.item<double>(), reference.loss, tolerance);
  loss.backward();
  for (const auto& expected : reference.gradients) {
    const auto* parameter = model.named_parameters().find(expected.name);
    ASSERT_NE(parameter, nullptr) << expected.name;
    const auto g = parameter->grad().to(torch::kFloat64).flatten();
    const double near = tolerance * expected.absolute;
    EXPECT_NEAR(g.sum().item<double>(), expected.sum, near) << expected.name;
    EXPECT_NEAR(g.abs().sum().item<double>(), expected.absolute, near) << expected.name;
    for (size_t i = 0; i < expected.at.size(); ++i) {
      EXPECT_NEAR(g[expected.at[i]].item<double>(), expected.value[i], near)
          << expected.name << " element " << expected.at[i];
    }
  }
  const auto buffers = model.named_buffers();
  for (const auto& [name, expected] : reference.moving) {
    const auto* buffer = buffers.find(name);
    ASSERT_NE(buffer, nullptr) << name;
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR((*buffer)[static_cast<int64_t>(i)].item<double>(), expected[i], tolerance)
          << name << " " << i;
    }
  }
}

}  // namespace groundglass
