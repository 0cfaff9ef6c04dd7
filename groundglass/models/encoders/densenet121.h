#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/encoders/encoder.h"

namespace groundglass {

struct DenseNet121Options {
  int64_t in_channels = 3;
};

/// DenseNet-121: four blocks of 6, 12, 24 and 16 layers that each add 32 channels to all before
/// them, with transitions between that halve channels and size. CheXNet has the same layout.
///
/// Huang, Liu, van der Maaten, Weinberger, CVPR 2017, https://arxiv.org/abs/1608.06993, Table 1;
/// CheXNet: Rajpurkar et al., https://arxiv.org/abs/1711.05225.
/// Differs: batch norm counts as Keras does (eps 1.001e-5, momentum 0.01), and the last one is
/// followed by a ReLU, which old Keras versions leave out. Without the classifier 6,953,856 +
/// 83,648 parameters, with torchvision's key names.
///
/// maps, strides 2 to 32: the stem's ReLU; the 1x1 convolutions of transitions 1 to 3, before their
/// average pooling and without activation; the last ReLU. 64, 128, 256, 512, 1024 channels.
class DenseNet121Impl final : public Encoder {
 public:
  explicit DenseNet121Impl(const DenseNet121Options& options = {});
  ~DenseNet121Impl() override;
  Features forward(torch::Tensor image) override;
  int64_t in_channels() const override { return options_.in_channels; }
  std::vector<int64_t> channels() const override { return {64, 128, 256, 512, 1024}; }

 private:
  class Layer;
  class Transition;

  DenseNet121Options options_;
  std::shared_ptr<torch::nn::Module> features;  // holds all that follows, as in torchvision
  torch::nn::Conv2d conv0{nullptr};
  BatchNorm2d norm0{nullptr}, norm5{nullptr};
  std::vector<std::vector<std::shared_ptr<Layer>>> blocks_;
  std::vector<std::shared_ptr<Transition>> transitions_;
};
TORCH_MODULE(DenseNet121);

}  // namespace groundglass
