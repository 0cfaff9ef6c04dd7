#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// Depthwise k x k without bias, then pointwise 1x1 with bias, nothing in between; padding "same".
///
/// Chollet, "Xception", CVPR 2017, https://arxiv.org/abs/1610.02357; as Keras' SeparableConv2D.
/// Differs: nothing known. Parameters: k^2 in + in out + out.
///
/// image [N,in,H,W] -> [N,out,H,W]. Throws Error(usage) unless kernel is odd.
class SeparableConvImpl final : public torch::nn::Module {
 public:
  SeparableConvImpl(int64_t in, int64_t out, int64_t kernel = 3);
  torch::Tensor forward(const torch::Tensor& image);

 private:
  torch::nn::Conv2d depthwise{nullptr}, pointwise{nullptr};
};
TORCH_MODULE(SeparableConv);

}  // namespace groundglass
