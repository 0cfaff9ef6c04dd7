#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// What a gate compares before it decides.
enum class GateForm {
  multiplicative,  ///< x * (W_g g + b_g)
  gated_g_only,    ///< W_g g + b_g: where to look is left to the decoder
  oktay_mult       ///< (W_x x) * (W_g g + b_g); W_x has no bias
};

/// Multiplicative attention gate: how much of each pixel of a skip connection the decoder may see.
/// a = sigmoid(psi(relu(score))), result x * a; score by GateForm. W_g and psi are 1x1 convolutions
/// with bias; W_g g is made at g's resolution and stretched bilinearly.
///
/// A-SegNet, J Digit Imaging 2021, 34:263-272, https://doi.org/10.1007/s10278-021-00434-5, eq. 1
/// and 2; the product as Luong, Pham, Manning, EMNLP 2015, https://arxiv.org/abs/1508.04025.
/// Differs: the printed equations are lost. This is the product form that needs exactly the two
/// maps and two biases the text names; oktay_mult adds the W_x of Oktay et al.,
/// https://arxiv.org/abs/1804.03999. He's normal start, biases zero.
///
/// x [N,F,H,W] skip, g [N,G,H/2,W/2] gating signal -> [N,F,H,W]. F G + 2 F + 1 parameters, and F F
/// more with W_x.
class MultiplicativeAttentionGateImpl final : public torch::nn::Module {
 public:
  MultiplicativeAttentionGateImpl(int64_t x_channels, int64_t g_channels, GateForm form);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& g);

  /// The coefficients [N,1,H,W] in (0,1): where the gate looks.
  torch::Tensor coefficients(const torch::Tensor& x, const torch::Tensor& g);

 private:
  torch::nn::Conv2d w_x{nullptr}, w_g{nullptr}, psi{nullptr};
  GateForm form_;
};
TORCH_MODULE(MultiplicativeAttentionGate);

}  // namespace groundglass
