#include "groundglass/models/encoders/res2net50.h"

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/conv_same.h"
#include "groundglass/models/blocks/he_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

constexpr int64_t kScales = 4;      // groups of channels in a block
constexpr int64_t kBaseWidth = 26;  // of a group, where the block's own width is 64
constexpr int64_t kExpansion = 4;   // a block gives this many times its own width

/// Three 3x3 convolutions, the first of stride 2, norm and ReLU between them. The names count norms
/// and ReLUs too. [N,C,H,W] -> [N,64,H/2,W/2].
class StemImpl final : public torch::nn::Module {
 public:
  explicit StemImpl(int64_t in_channels) {
    first = register_module("0", conv_same(in_channels, 32, 3, 2));
    first_norm = register_module("1", BatchNorm2d(32));
    second = register_module("3", conv_same(32, 32, 3));
    second_norm = register_module("4", BatchNorm2d(32));
    third = register_module("6", conv_same(32, 64, 3));
  }
  torch::Tensor forward(const torch::Tensor& image) {
    const auto x = first_norm(first(image)).relu_();
    return third(second_norm(second(x)).relu_());
  }

 private:
  Conv2d first{nullptr}, second{nullptr}, third{nullptr};
  BatchNorm2d first_norm{nullptr}, second_norm{nullptr};
};
TORCH_MODULE(Stem);

/// The short cut of a stage's first block: mean of each stride x stride window, 1x1 convolution,
/// norm. The window bears number 0 in the public names.
class ShortCutImpl final : public torch::nn::Module {
 public:
  ShortCutImpl(int64_t in, int64_t out, int64_t stride) : stride_(stride) {
    conv = register_module("1", conv_same(in, out, 1));
    norm = register_module("2", BatchNorm2d(out));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return norm(conv(stride_ == 1 ? x : torch::avg_pool2d(x, stride_, stride_)));
  }

 private:
  Conv2d conv{nullptr};
  BatchNorm2d norm{nullptr};
  int64_t stride_;
};
TORCH_MODULE(ShortCut);

/// Bottleneck with four groups of channels in its middle: three pass a 3x3 convolution each, one
/// only goes along (Gao et al., Fig. 2b). [N,in,H,W] -> [N,4 width,H/stride,W/stride].
class Bottle2NeckImpl final : public torch::nn::Module {
 public:
  /// In the `first` block of a stage the groups do not see each other, and the last is averaged.
  enum class Place { first, inner };

  Bottle2NeckImpl(int64_t in, int64_t width, int64_t stride, Place place)
      : group_(width * kBaseWidth / 64), stride_(stride), place_(place) {
    conv1 = register_module("conv1", conv_same(in, kScales * group_, 1));
    bn1 = register_module("bn1", BatchNorm2d(kScales * group_));
    for (int64_t i = 0; i + 1 < kScales; ++i) {
      convs->push_back(conv_same(group_, group_, 3, stride));
      bns->push_back(BatchNorm2d(group_));
    }
    register_module("convs", convs);
    register_module("bns", bns);
    conv3 = register_module("conv3", conv_same(kScales * group_, kExpansion * width, 1));
    bn3 = register_module("bn3", BatchNorm2d(kExpansion * width));
    if (place == Place::first) {
      downsample = register_module("downsample", ShortCut(in, kExpansion * width, stride));
    }
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const auto groups = torch::split(bn1(conv1(x)).relu_(), group_, 1);
    std::vector<torch::Tensor> seen;
    for (size_t i = 0; i + 1 < groups.size(); ++i) {
      const bool chained = i > 0 && place_ == Place::inner;
      const auto y = chained ? seen.back() + groups[i] : groups[i];
      seen.push_back(
          bns[i]->as<BatchNorm2d>()->forward(convs[i]->as<Conv2d>()->forward(y)).relu_());
    }
    const auto& last = groups.back();
    // Zeros beyond the border count in this mean, as in the public implementation.
    seen.push_back(place_ == Place::inner ? last : torch::avg_pool2d(last, 3, stride_, 1));
    const auto y = bn3(conv3(torch::cat(seen, 1)));
    return torch::relu(y + (place_ == Place::inner ? x : downsample(x)));
  }

 private:
  int64_t group_, stride_;
  Place place_;
  Conv2d conv1{nullptr}, conv3{nullptr};
  BatchNorm2d bn1{nullptr}, bn3{nullptr};
  torch::nn::ModuleList convs, bns;
  ShortCut downsample{nullptr};
};
TORCH_MODULE(Bottle2Neck);

torch::nn::ModuleList stage(int64_t in, int64_t width, int64_t blocks, int64_t stride) {
  using Place = Bottle2NeckImpl::Place;
  torch::nn::ModuleList all(Bottle2Neck(in, width, stride, Place::first));
  for (int64_t i = 1; i < blocks; ++i) {
    all->push_back(Bottle2Neck(kExpansion * width, width, 1, Place::inner));
  }
  return all;
}

}  // namespace

Res2Net50Impl::Res2Net50Impl(const Res2Net50Options& options) : options_(options) {
  conv1 = register_module("conv1", Stem(options.in_channels).ptr());
  bn1 = register_module("bn1", BatchNorm2d(64));
  layer1 = register_module("layer1", stage(64, 64, 3, 1));
  layer2 = register_module("layer2", stage(256, 128, 4, 2));
  layer3 = register_module("layer3", stage(512, 256, 6, 2));
  layer4 = register_module("layer4", stage(1024, 512, 3, 2));
  start_he_normal(*this, Fan::out);
}

Features Res2Net50Impl::forward(torch::Tensor image) {
  auto x = bn1(conv1->as<Stem>()->forward(image)).relu_();
  Features f;
  f.maps.push_back(x);                // [N,64,H/2,W/2]
  x = torch::max_pool2d(x, 3, 2, 1);  // [N,64,H/4,W/4]
  for (auto& layer : {layer1, layer2, layer3, layer4}) {
    for (const auto& block : *layer) x = block->as<Bottle2Neck>()->forward(x);
    f.maps.push_back(x);  // 256, 512, 1024, 2048 channels at strides 4, 8, 16, 32
  }
  return f;
}

}  // namespace groundglass
