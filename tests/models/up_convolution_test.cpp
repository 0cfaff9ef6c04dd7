#include <gtest/gtest.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/models/blocks/up_convolution.h"
#include "groundglass/models/nn.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {
using torch::nn::ConvTranspose2d;
using torch::nn::ConvTranspose2dOptions;

ConvTranspose2d doubling(int64_t in, int64_t out, bool bias) {
  ConvTranspose2d conv(ConvTranspose2dOptions(in, out, 2).stride(2).bias(bias));
  if (bias) {
    fill_closed_form(*conv, {"weight", "bias"});
  } else {
    fill_closed_form(*conv, {"weight"});
  }
  return conv;
}

struct Passes {
  torch::Tensor y, x_grad, w_grad;
};

Passes passes(ConvTranspose2d& conv, bool in_bf16) {
  conv->zero_grad();
  auto x = wave({2, 5, 3, 4}, 0.3).to(torch::kFloat32).requires_grad_();
  torch::Tensor y;
  {
    const Autocast autocast(torch::kCPU, in_bf16 ? torch::kBFloat16 : torch::kFloat32);
    y = up_convolution(*conv, x);
  }
  y = y.to(torch::kFloat32);
  (y * wave({2, 3, 6, 8}, 0.7).to(torch::kFloat32)).sum().backward();
  return {y.detach(), x.grad(), conv->weight.grad().clone()};
}

double difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

TEST(UpConvolution, InBfloat16IsTheTransposedConvolution) {
  for (const bool bias : {true, false}) {
    auto conv = doubling(5, 3, bias);
    const Passes exact = passes(conv, false), rounded = passes(conv, true);
    EXPECT_EQ(rounded.y.sizes(), exact.y.sizes());
    // Factors, products and the gradient are rounded to 8 bits each.
    EXPECT_LT(difference(rounded.y, exact.y), 2.0 / 100);
    EXPECT_LT(difference(rounded.x_grad, exact.x_grad), 2.0 / 100);
    EXPECT_LT(difference(rounded.w_grad, exact.w_grad), 2.0 / 100);
  }
}

TEST(UpConvolution, InBfloat16StaysThereChannelsLast) {
  auto conv = doubling(5, 3, true);
  const Autocast autocast(torch::kCPU, torch::kBFloat16);
  const auto y = up_convolution(*conv, torch::ones({2, 5, 3, 4}));
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(UpConvolution, OtherwiseIsLibTorchsToTheBit) {
  auto conv = doubling(5, 3, true);
  const auto x = wave({2, 5, 3, 4}, 0.3).to(torch::kFloat32);
  EXPECT_TRUE(torch::equal(up_convolution(*conv, x), conv->forward(x)));
}

}  // namespace
}  // namespace groundglass
