#include "groundglass/models/blocks/attention_gate.h"

#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

torch::Tensor upsampled_like(const torch::Tensor& coarse, const torch::Tensor& fine) {
  return torch::upsample_bilinear2d(coarse, {fine.size(2), fine.size(3)}, false);
}

}  // namespace

AdditiveAttentionGateImpl::AdditiveAttentionGateImpl(int64_t x_channels, int64_t g_channels,
                                                     GateAlign align)
    : align_(align) {
  const int64_t stride = align == GateAlign::stride_x ? 2 : 1;
  w_x = register_module("w_x", Conv2d(Conv2dOptions(x_channels, x_channels, 1).stride(stride)));
  w_g = register_module("w_g", Conv2d(Conv2dOptions(g_channels, x_channels, 1)));
  psi = register_module("psi", Conv2d(Conv2dOptions(x_channels, 1, 1)));
  const torch::NoGradGuard no_grad;
  for (auto& conv : {w_x, w_g, psi}) {
    conv->weight.copy_(glorot_uniform(conv->weight.sizes()));
    conv->bias.zero_();
  }
}

torch::Tensor AdditiveAttentionGateImpl::coefficients(const torch::Tensor& x,
                                                      const torch::Tensor& g) {
  if (align_ == GateAlign::up_g) {
    return torch::sigmoid(psi(torch::relu(w_x(x) + upsampled_like(w_g(g), x))));
  }
  return upsampled_like(torch::sigmoid(psi(torch::relu(w_x(x) + w_g(g)))), x);
}

torch::Tensor AdditiveAttentionGateImpl::forward(const torch::Tensor& x, const torch::Tensor& g) {
  return x * coefficients(x, g);
}

}  // namespace groundglass
