#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "groundglass/infer/plan/plan.h"

namespace groundglass {

/// A few lines of network: an image [N,C,H,W] to its map.
using Function = std::function<torch::Tensor(const torch::Tensor&)>;

/// Allowed of a plan in float32 and in bf16: the mean difference as a part of the mean.
constexpr double kFloatError = 1e-5, kHalfError = 3e-2;

/// The same numbers at each call, some below zero.
inline torch::Tensor image_of(const std::vector<int64_t>& sizes) {
  torch::manual_seed(7);
  return torch::rand(sizes) - 0.3;
}

struct NothingImpl final : torch::nn::Module {};
TORCH_MODULE(Nothing);

inline TracedModel traced_function(const Function& function, const std::array<int64_t, 4>& image,
                                   int64_t size_multiple = 1) {
  Nothing nothing;
  return trace_module(
      *nothing, [&](const torch::Tensor& x) { return std::vector<torch::Tensor>{function(x)}; },
      {.image = image, .size_multiple = size_multiple});
}

/// The plan of a function of an image [N,C,H,W].
inline Plan plan_of(const Function& function, const std::array<int64_t, 4>& image,
                    const PlanOptions& options = {}, int64_t size_multiple = 2) {
  return {traced_function(function, image, size_multiple), {image[1], image[2], image[3]}, options};
}

/// The mean difference as a part of the expected mean.
inline double error_of_mean(const torch::Tensor& found, const torch::Tensor& expected) {
  EXPECT_EQ(found.sizes(), expected.sizes());
  return ((found - expected).abs().mean() / expected.abs().mean()).item<double>();
}

/// How many steps of a plan an engine runs.
inline int64_t steps_of(const Plan& plan, const std::string& engine) {
  const auto steps = plan.steps();
  return std::count_if(steps.begin(), steps.end(),
                       [&](const PlanStep& s) { return s.engine == engine; });
}

/// Batch norm that does something: fresh statistics are zero and one.
inline void enliven(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (auto& b : module.named_buffers()) {
    if (!b.value().is_floating_point()) continue;
    const bool variance = b.key().ends_with("var");
    b.value().uniform_(variance ? 0.5 : -0.1, variance ? 1.5 : 0.1);
  }
}

}  // namespace groundglass
