#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct Res2Net50Options {
  int64_t in_channels = 3;
};

/// Res2Net-50, 26w x 4s, variant v1b: bottlenecks whose 3x3 convolution is a chain of three over
/// four groups of channels, so that one block sees several scales.
///
/// Gao, Cheng, Zhao, Zhang, Yang, Torr, "Res2Net", IEEE TPAMI 2021,
/// https://arxiv.org/abs/1904.01169, Fig. 2b; v1b is the authors' public variant: three 3x3
/// convolutions instead of the 7x7 one, and averages instead of strides beside the bottlenecks.
/// Without the classifier. He's normal start, fan out. Differs: nothing known. Parameters:
/// 23,669,352 trainable for three channels; keys are those of the public implementation
/// (conv1.0.weight, layer1.0.convs.0.weight, layer1.0.bns.0.weight, layer1.0.downsample.1.weight).
///
/// image [N,C,H,W], H and W multiples of 32 -> maps of 64, 256, 512, 1024, 2048 channels at strides
/// 2 (the stem), 4, 8, 16, 32.
class Res2Net50Impl final : public Encoder {
 public:
  explicit Res2Net50Impl(const Res2Net50Options& options = {});
  Features forward(torch::Tensor image) override;
  int64_t in_channels() const override { return options_.in_channels; }
  std::vector<int64_t> channels() const override { return {64, 256, 512, 1024, 2048}; }

 private:
  Res2Net50Options options_;
  std::shared_ptr<torch::nn::Module> conv1;  // the stem; names are checkpoint keys
  BatchNorm2d bn1{nullptr};
  torch::nn::ModuleList layer1, layer2, layer3, layer4;
};
TORCH_MODULE(Res2Net50);

}  // namespace groundglass
