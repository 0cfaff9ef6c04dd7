#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct ResNetOptions {
  int64_t depth = 34;  ///< 18 or 34 (basic units), or 50 (bottleneck units)
  int64_t in_channels = 3;
};

/// ResNet with the activation after each addition, in torchvision's layout and with its key names,
/// so that its checkpoints fit as they are (without fc).
///
/// He, Zhang, Ren, Sun, CVPR 2016, https://arxiv.org/abs/1512.03385, Table 1.
/// Differs: as torchvision does, the bottleneck's stride stands in its 3x3 convolution. Without the
/// classifier 11,176,512 + 9,600 parameters (18), 21,284,672 + 17,024 (34) or 23,508,032 + 53,120
/// (50).
///
/// maps, strides 2 to 32: after the stem's ReLU, then after layer1 .. layer4. 64, 64, 128, 256, 512
/// channels, or, for 50, 64, 256, 512, 1024, 2048.
/// He's normal start, fan out.
/// throws Error(recipe) for another depth.
class ResNetImpl final : public Encoder {
 public:
  explicit ResNetImpl(const ResNetOptions& options = {});
  Features forward(torch::Tensor image) override;
  int64_t in_channels() const override { return options_.in_channels; }
  std::vector<int64_t> channels() const override;

 private:
  ResNetOptions options_;
  torch::nn::Conv2d conv1{nullptr};
  BatchNorm2d bn1{nullptr};
  torch::nn::ModuleList layer1, layer2, layer3, layer4;
};
TORCH_MODULE(ResNet);

}  // namespace groundglass
