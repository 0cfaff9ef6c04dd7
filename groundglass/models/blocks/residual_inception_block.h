#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/inception_conv.h"

namespace groundglass {

/// How many inception convolutions a residual block has.
enum class InceptionDepth { two, one };

/// Residual inception block: two inception convolutions, plus a separable 3x3 convolution with
/// batch norm around them. Nothing follows the sum.
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, Fig. 7.
/// Differs: nothing known; an activation after the sum is neither drawn nor in the authors' code of
/// a later network. `one` leaves the second inception convolution out.
///
/// x [N,in,H,W] -> [N,out,H,W].
class ResidualInceptionBlockImpl final : public torch::nn::Module {
 public:
  ResidualInceptionBlockImpl(int64_t in, int64_t out, const InceptionOptions& options = {},
                             InceptionDepth depth = InceptionDepth::two);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  InceptionConv inception1{nullptr}, inception2{nullptr};
  SeparableConv shortcut{nullptr};
  BatchNorm2d norm_shortcut{nullptr};
};
TORCH_MODULE(ResidualInceptionBlock);

}  // namespace groundglass
