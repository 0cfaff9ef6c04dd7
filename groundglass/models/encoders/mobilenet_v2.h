#pragma once

#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

/// Where MobileNetV2's convolutions of stride 2 put their padding.
enum class MobileNetPadding {
  tensorflow,  ///< "same": on even sides nothing left and above, one right and below
  symmetric    ///< one all round, torchvision's
};

struct MobileNetV2Options {
  int64_t in_channels = 3;
  MobileNetPadding padding = MobileNetPadding::tensorflow;
};

/// MobileNetV2 of width 1.0: 1x1 convolutions widen each map by six, 3x3 ones look at each channel
/// by itself, 1x1 ones make it narrow again without an activation.
///
/// Sandler, Howard, Zhu, Zhmoginov, Chen, CVPR 2018, https://arxiv.org/abs/1801.04381, Table 2.
/// Names are torchvision's (features.1.conv.0.0.weight). Weights belong to the padding that they
/// were trained with: Keras' and TensorFlow's to `tensorflow`, torchvision's to `symmetric`; with
/// the other one every map of a stride is shifted by part of a pixel. Differs: batch norm has
/// Keras' epsilon of 1e-3 with the tensorflow padding, torchvision's 1e-5 with the other; its
/// statistics move by .1 a step in both, where Keras has .001. Without the classifier 2,223,872 +
/// 34,112 parameters.
///
/// image [N,in_channels,H,W], H and W multiples of 32.
/// maps  strides 2 to 32: after features.1, 3, 6, 13 and 18. 16, 24, 32, 96, 1280 channels; the
///       first four are narrow maps without an activation.
/// He's normal start, fan out.
class MobileNetV2Impl final : public Encoder {
 public:
  explicit MobileNetV2Impl(const MobileNetV2Options& options = {});
  Features forward(torch::Tensor image) override;
  int64_t in_channels() const override { return options_.in_channels; }
  std::vector<int64_t> channels() const override { return {16, 24, 32, 96, 1280}; }

 private:
  MobileNetV2Options options_;
  torch::nn::ModuleList features;
};
TORCH_MODULE(MobileNetV2);

}  // namespace groundglass
