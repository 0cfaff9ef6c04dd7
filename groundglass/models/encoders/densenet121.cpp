#include "groundglass/models/encoders/densenet121.h"

#include <array>

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/conv_same.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::BatchNorm2dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

constexpr int64_t kGrowth = 32, kBottleneck = 4 * kGrowth;
constexpr std::array<int64_t, 4> kLayers = {6, 12, 24, 16};

BatchNorm2d dense_norm(int64_t channels) {
  return BatchNorm2d(BatchNorm2dOptions(channels).eps(1.001e-5).momentum(0.01));
}

}  // namespace

/// Batch norm, ReLU, 1x1 convolution, batch norm, ReLU, 3x3 convolution; appended to its input.
/// [N,C,H,W] -> [N,C+32,H,W].
class DenseNet121Impl::Layer final : public torch::nn::Module {
 public:
  explicit Layer(int64_t in) {
    norm1 = register_module("norm1", dense_norm(in));
    conv1 = register_module("conv1", conv_same(in, kBottleneck, 1));
    norm2 = register_module("norm2", dense_norm(kBottleneck));
    conv2 = register_module("conv2", conv_same(kBottleneck, kGrowth, 3));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto narrow = conv1(norm1(x).relu_());
    return torch::cat({x, conv2(norm2(narrow).relu_())}, 1);
  }

 private:
  BatchNorm2d norm1{nullptr}, norm2{nullptr};
  Conv2d conv1{nullptr}, conv2{nullptr};
};

/// Batch norm, ReLU, 1x1 convolution. [N,C,H,W] -> [N,C/2,H,W]; the pooling stands in the encoder,
/// which hands on the map before it.
class DenseNet121Impl::Transition final : public torch::nn::Module {
 public:
  explicit Transition(int64_t in) {
    norm = register_module("norm", dense_norm(in));
    conv = register_module("conv", conv_same(in, in / 2, 1));
  }
  torch::Tensor forward(const torch::Tensor& x) { return conv(norm(x).relu_()); }

 private:
  BatchNorm2d norm{nullptr};
  Conv2d conv{nullptr};
};

DenseNet121Impl::DenseNet121Impl(const DenseNet121Options& options) : options_(options) {
  features = register_module("features", std::make_shared<torch::nn::Module>());
  int64_t c = 64;
  conv0 = features->register_module("conv0", conv_same(options.in_channels, c, 7, 2));
  norm0 = features->register_module("norm0", dense_norm(c));
  for (size_t b = 0; b < kLayers.size(); ++b) {
    const std::string number = std::to_string(b + 1);
    const auto block =
        features->register_module("denseblock" + number, std::make_shared<torch::nn::Module>());
    auto& layers = blocks_.emplace_back();
    for (int64_t i = 0; i < kLayers[b]; ++i, c += kGrowth) {
      layers.push_back(
          block->register_module("denselayer" + std::to_string(i + 1), std::make_shared<Layer>(c)));
    }
    if (b + 1 == kLayers.size()) break;
    transitions_.push_back(
        features->register_module("transition" + number, std::make_shared<Transition>(c)));
    c /= 2;
  }
  norm5 = features->register_module("norm5", dense_norm(c));
  start_glorot_uniform(*this);
}

DenseNet121Impl::~DenseNet121Impl() = default;

Features DenseNet121Impl::forward(torch::Tensor x) {
  Features f;
  x = norm0(conv0(x)).relu_();  // [N,64,H/2,W/2]
  f.maps.push_back(x);
  x = torch::max_pool2d(x, 3, 2, 1);
  for (size_t b = 0; b < blocks_.size(); ++b) {
    for (const auto& layer : blocks_[b]) x = layer->forward(x);
    if (b == transitions_.size()) break;
    x = transitions_[b]->forward(x);  // [N,128 2^b,H/2^(b+2),W/2^(b+2)]
    f.maps.push_back(x);
    x = torch::avg_pool2d(x, 2);
  }
  f.maps.push_back(norm5(x).relu_());  // [N,1024,H/32,W/32]
  return f;
}

}  // namespace groundglass
