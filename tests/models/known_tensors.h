#pragma once

#include <vector>

#include <gtest/gtest.h>
#include <torch/nn/module.h>
#include <torch/types.h>

namespace groundglass {

inline const auto kDouble = torch::dtype(torch::kFloat64);

/// Gives a parameter these values.
inline void put(torch::nn::Module& module, const char* name, const torch::Tensor& values) {
  const torch::NoGradGuard no_grad;
  auto parameter = module.named_parameters()[name];
  parameter.copy_(values.view(parameter.sizes()));
}

inline void expect_near(const torch::Tensor& found, const std::vector<double>& wanted) {
  ASSERT_EQ(found.numel(), static_cast<int64_t>(wanted.size()));
  EXPECT_TRUE(torch::allclose(found.detach().flatten(), torch::tensor(wanted, kDouble), 0, 1e-12))
      << found;
}

}  // namespace groundglass
