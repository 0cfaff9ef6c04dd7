#pragma once

#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct InceptionV3Options {
  int64_t in_channels = 3;
};

/// Inception-v3: convolutions of several sizes side by side, the large ones split into rows and
/// columns.
///
/// Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, CVPR 2016, https://arxiv.org/abs/1512.00567, Table 1,
/// as Keras builds it. Differs: every convolution and pooling has padding "same", also those that
/// the paper and Keras leave unpadded, so that sides are halved exactly. Batch norm has no scale
/// (Keras' scale = false). Without the classifier 21,768,352 + 34,432 parameters, with
/// torchvision's key names (bn.weight is missing).
///
/// maps, strides 2 to 32: Conv2d_2b_3x3, Conv2d_4a_3x3, Mixed_5d, Mixed_6e, Mixed_7c (Keras: third
/// and fifth convolution, mixed2, mixed7, mixed10), after their ReLU. 64, 192, 288, 768, 2048
/// channels.
class InceptionV3Impl final : public Encoder {
 public:
  explicit InceptionV3Impl(const InceptionV3Options& options = {});
  ~InceptionV3Impl() override;
  Features forward(torch::Tensor image) override;
  int64_t in_channels() const override { return options_.in_channels; }
  std::vector<int64_t> channels() const override { return {64, 192, 288, 768, 2048}; }

 private:
  class Conv;
  class Mixed;

  InceptionV3Options options_;
  std::vector<std::shared_ptr<Conv>> stem_;                 // Conv2d_1a_3x3 to Conv2d_4a_3x3
  std::vector<std::vector<std::shared_ptr<Mixed>>> mixed_;  // Mixed_5b, ... of strides 8, 16, 32
};
TORCH_MODULE(InceptionV3);

}  // namespace groundglass
