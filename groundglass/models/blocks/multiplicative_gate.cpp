#include "groundglass/models/blocks/multiplicative_gate.h"

#include "groundglass/models/blocks/he_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;

MultiplicativeAttentionGateImpl::MultiplicativeAttentionGateImpl(int64_t x_channels,
                                                                 int64_t g_channels, GateForm form)
    : form_(form) {
  if (form == GateForm::oktay_mult) {
    w_x = register_module("w_x", Conv2d(Conv2dOptions(x_channels, x_channels, 1).bias(false)));
  }
  w_g = register_module("w_g", Conv2d(Conv2dOptions(g_channels, x_channels, 1)));
  psi = register_module("psi", Conv2d(Conv2dOptions(x_channels, 1, 1)));
  start_he_normal(*this);
}

torch::Tensor MultiplicativeAttentionGateImpl::coefficients(const torch::Tensor& x,
                                                            const torch::Tensor& g) {
  auto score = torch::upsample_bilinear2d(w_g(g), {x.size(2), x.size(3)}, false);  // [N,F,H,W]
  if (form_ == GateForm::multiplicative) score = x * score;
  if (form_ == GateForm::oktay_mult) score = w_x(x) * score;
  return torch::sigmoid(psi(torch::relu(score)));
}

torch::Tensor MultiplicativeAttentionGateImpl::forward(const torch::Tensor& x,
                                                       const torch::Tensor& g) {
  return x * coefficients(x, g);
}

}  // namespace groundglass
