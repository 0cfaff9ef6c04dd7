#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct ResNetPreactOptions {
  int64_t depth = 34;  ///< 34 (basic units) or 50 (bottleneck units)
  int64_t in_channels = 3;
};

/// ResNet of pre-activation units: batch norm and ReLU stand before the convolutions, and the image
/// passes a batch norm without scale first. The ImageNet ResNets of Keras' segmentation models.
///
/// He, Zhang, Ren, Sun, "Identity mappings in deep residual networks", ECCV 2016,
/// https://arxiv.org/abs/1603.05027, Fig. 4e, in the layout of qubvel's classification_models:
/// 7x7 convolution with stride 2, 3x3 maximum pooling, then 3, 4, 6, 3 units. The first unit of
/// every stage, the first stage's too, has a 1x1 convolution of its activated input as shortcut.
/// Differs: convolutions start as Glorot's, Keras' default; that library draws He's uniform. 34:
/// 21,302,473 parameters with moving statistics; 50: 23,500,483 + 45,574. Parameter names are the
/// Keras names: stage1_unit1.conv1 is Keras' stage1_unit1_conv1.
///
/// image   [N,in_channels,H,W], H and W multiples of 32.
/// maps    strides 2 to 32: after the stem's ReLU; after the first activation of stages 2, 3, 4;
///         after the last activation. 64, 64, 128, 256, 512 or 64, 256, 512, 1024, 2048 channels.
/// coarse  for 50 only: the same but for strides 4, 8, 16, taken after the first activation of
///         unit 2 of stages 1, 2, 3 (as the Keras UNet++ does).
/// throws  Error(recipe) for another depth.
class ResNetPreactImpl final : public Encoder {
 public:
  explicit ResNetPreactImpl(const ResNetPreactOptions& options = {});
  ~ResNetPreactImpl() override;
  Features forward(torch::Tensor image) override;
  int64_t in_channels() const override { return options_.in_channels; }
  std::vector<int64_t> channels() const override;

 private:
  class Unit;

  ResNetPreactOptions options_;
  BatchNormNoScale bn_data{nullptr};
  torch::nn::Conv2d conv0{nullptr};
  BatchNorm2d bn0{nullptr}, bn1{nullptr};
  std::vector<std::vector<std::shared_ptr<Unit>>> stages_;  // registered as stage1_unit1, ...
};
TORCH_MODULE(ResNetPreact);

}  // namespace groundglass
