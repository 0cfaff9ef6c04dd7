#include "groundglass/models/blocks/attention_gate.h"

#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

torch::Tensor upsampled_like(const torch::Tensor& coarse, const torch::Tensor& fine) {
  return torch::upsample_bilinear2d(coarse, {fine.size(2), fine.size(3)}, false);
}

/// A 1x1 convolution at every second pixel. [N,C,H,W] -> [N,out,ceil(H/2),ceil(W/2)].
torch::Tensor at_half_size(Conv2d& conv, const torch::Tensor& x) {
  // Where maps are channels last and have fewer than 16 channels, oneDNN 2.6 writes outside its
  // buffers in a 1x1 convolution of stride 2: forward in float32 (brgconv_1x1), backward in bf16
  // (jit_bf16_1x1, processors without AMX). Picking the pixels first is the same sum.
  if (!x.is_cpu() || x.is_contiguous() || x.size(1) >= 16) return conv(x);
  const auto picked = x.slice(2, 0, x.size(2), 2).slice(3, 0, x.size(3), 2);
  return torch::conv2d(picked, conv->weight, conv->bias);
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
  return upsampled_like(torch::sigmoid(psi(torch::relu(at_half_size(w_x, x) + w_g(g)))), x);
}

torch::Tensor AdditiveAttentionGateImpl::forward(const torch::Tensor& x, const torch::Tensor& g) {
  return x * coefficients(x, g);
}

}  // namespace groundglass
