#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// Where the two inputs of an additive gate meet, since they differ in resolution.
enum class GateAlign {
  stride_x,  ///< W_x takes stride 2; the coefficient is made at g's resolution and up-sampled
  up_g,      ///< W_g g is up-sampled; the coefficient is made at x's resolution
};

/// Additive attention gate: how much of each pixel of a skip connection the decoder may see.
/// a = sigmoid(psi(relu(W_x x + W_g g))), result x * a; all three are 1x1 convolutions with bias.
///
/// Oktay et al., "Attention U-Net", MIDL 2018, https://arxiv.org/abs/1804.03999, eq. 1 to 3, as
/// reconstructed from Bakheet, Youssef et al., Sci Rep 2026, 16:1551, eq. 1 and 2.
/// Differs: the inner width is x's (no reduction); g is the decoder's map before up-sampling.
///
/// x [N,F,H,W] skip, g [N,G,H/2,W/2] gating signal -> [N,F,H,W].
class AdditiveAttentionGateImpl final : public torch::nn::Module {
 public:
  AdditiveAttentionGateImpl(int64_t x_channels, int64_t g_channels, GateAlign align);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& g);

  /// The coefficients [N,1,H,W] in (0,1): where the gate looks.
  torch::Tensor coefficients(const torch::Tensor& x, const torch::Tensor& g);

 private:
  torch::nn::Conv2d w_x{nullptr}, w_g{nullptr}, psi{nullptr};
  GateAlign align_;
};
TORCH_MODULE(AdditiveAttentionGate);

}  // namespace groundglass
