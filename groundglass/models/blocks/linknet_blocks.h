#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/nn.h"

namespace groundglass {

/// The convolutions LinkNet's decoders are made of, none with a bias.
enum class LinkNetStep {
  point,            ///< 1x1, the same size
  same,             ///< 3x3, the same size
  nearest,          ///< nearest neighbours to twice the size, then 3x3
  transpose4,       ///< transposed 4x4, twice the size
  transpose3,       ///< transposed 3x3, twice the size
  transpose3_same,  ///< transposed 3x3, the same size
};

/// Batch norm's numbers: Keras' defaults, or LibTorch's.
struct LinkNetNorm {
  double eps = 1e-3;
  double momentum = 0.01;  ///< share of the new batch
};

/// Convolution, batch norm, ReLU. He's uniform start.
///
/// image [N,in,H,W] -> [N,out,H,W], or [N,out,2H,2W] as `step` says.
class LinkNetConvImpl final : public torch::nn::Module {
 public:
  LinkNetConvImpl(int64_t in, int64_t out, LinkNetStep step, LinkNetNorm batch_norm);
  torch::Tensor forward(torch::Tensor image);

 private:
  LinkNetStep step_;
  torch::nn::Conv2d conv{nullptr};  // one of these two, registered as conv
  torch::nn::ConvTranspose2d transposed_{nullptr};
  BatchNorm2d norm{nullptr};
};
TORCH_MODULE(LinkNetConv);

/// LinkNet's decoder block: 1x1 to a quarter of the channels, the step that changes the size at
/// that width, 1x1 to `out` channels; batch norm and ReLU after each.
///
/// Chaurasia, Culurciello, "LinkNet", VCIP 2017, https://arxiv.org/abs/1707.03718, Fig. 3, where
/// the step is transpose3; qubvel's libraries have nearest or transpose4. Differs: nothing known.
///
/// image [N,in,H,W] -> [N,out,H,W], or [N,out,2H,2W] as `step` says.
class LinkNetBlockImpl final : public torch::nn::Module {
 public:
  LinkNetBlockImpl(int64_t in, int64_t out, LinkNetStep step, LinkNetNorm batch_norm);
  torch::Tensor forward(const torch::Tensor& image);

 private:
  LinkNetConv reduce{nullptr}, up{nullptr}, expand{nullptr};
};
TORCH_MODULE(LinkNetBlock);

}  // namespace groundglass
