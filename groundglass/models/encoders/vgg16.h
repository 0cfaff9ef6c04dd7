#pragma once

#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct VGG16Options {
  int64_t in_channels = 3;
};

/// The thirteen convolutions of VGG-16 without batch norm, with torchvision's key names: features.0
/// to features.28 (activations and poolings count as places).
///
/// Simonyan, Zisserman, ICLR 2015, https://arxiv.org/abs/1409.1556, Table 1 column D.
/// Differs: the fully connected layers are left out; 14,714,688 parameters remain.
///
/// maps, strides 1 to 32: conv1_2, conv2_2, conv3_3, conv4_3, conv5_3 after their ReLU, then pool5.
/// 64, 128, 256, 512, 512, 512 channels. He's normal start, fan out.
class VGG16Impl final : public Encoder {
 public:
  explicit VGG16Impl(const VGG16Options& options = {});
  Features forward(torch::Tensor image) override;
  int64_t in_channels() const override { return options_.in_channels; }
  std::vector<int64_t> channels() const override { return {64, 128, 256, 512, 512, 512}; }
  std::vector<int64_t> strides() const override { return {1, 2, 4, 8, 16, 32}; }

 private:
  VGG16Options options_;
  torch::nn::ModuleList features;
};
TORCH_MODULE(VGG16);

}  // namespace groundglass
