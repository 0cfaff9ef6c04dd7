#include "groundglass/models/encoders/resnet.h"

#include <array>

#include "groundglass/core/error.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/conv_same.h"
#include "groundglass/models/blocks/he_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

/// Basic: 3x3, 3x3. Bottleneck: 1x1, 3x3, 1x1. Batch norm after each, ReLU after all but the last;
/// then the shortcut is added and ReLU follows. [N,in,H,W] -> [N,out,H/stride,W/stride].
class UnitImpl final : public torch::nn::Module {
 public:
  UnitImpl(int64_t depth, int64_t in, int64_t width, int64_t stride) {
    const bool basic = depth < 50;
    const int64_t out = basic ? width : 4 * width;
    conv1 = register_module("conv1", conv_same(in, width, basic ? 3 : 1, basic ? stride : 1));
    bn1 = register_module("bn1", BatchNorm2d(width));
    conv2 = register_module("conv2", conv_same(width, width, 3, basic ? 1 : stride));
    bn2 = register_module("bn2", BatchNorm2d(width));
    if (!basic) {
      conv3 = register_module("conv3", conv_same(width, out, 1));
      bn3 = register_module("bn3", BatchNorm2d(out));
    }
    if (stride == 1 && in == out) return;
    downsample->push_back(conv_same(in, out, 1, stride));
    downsample->push_back(BatchNorm2d(out));
    register_module("downsample", downsample);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    auto y = bn2(conv2(bn1(conv1(x)).relu()));
    if (conv3) y = bn3(conv3(y.relu()));
    return (y + shortcut(x)).relu();
  }

 private:
  torch::Tensor shortcut(const torch::Tensor& x) {
    if (downsample->is_empty()) return x;
    return downsample[1]->as<BatchNorm2d>()->forward(downsample[0]->as<Conv2d>()->forward(x));
  }

  Conv2d conv1{nullptr}, conv2{nullptr}, conv3{nullptr};
  BatchNorm2d bn1{nullptr}, bn2{nullptr}, bn3{nullptr};
  torch::nn::ModuleList downsample;
};
TORCH_MODULE(Unit);

}  // namespace

ResNetImpl::ResNetImpl(const ResNetOptions& options) : options_(options) {
  if (options.depth != 18 && options.depth != 34 && options.depth != 50) {
    fail(ErrorKind::recipe,
         "ResNet of depth " + std::to_string(options.depth) + ", expected 18, 34 or 50");
  }
  conv1 = register_module("conv1", conv_same(options.in_channels, 64, 7, 2));
  bn1 = register_module("bn1", BatchNorm2d(64));
  int64_t in = 64;
  const auto layer = [&](const char* name, int64_t units, int64_t width, int64_t stride) {
    torch::nn::ModuleList list;
    for (int64_t u = 0; u < units; ++u) {
      list->push_back(Unit(options.depth, in, width, u == 0 ? stride : 1));
      in = options.depth < 50 ? width : 4 * width;
    }
    return register_module(name, list);
  };
  const auto units =
      options.depth == 18 ? std::array<int64_t, 4>{2, 2, 2, 2} : std::array<int64_t, 4>{3, 4, 6, 3};
  layer1 = layer("layer1", units[0], 64, 1);
  layer2 = layer("layer2", units[1], 128, 2);
  layer3 = layer("layer3", units[2], 256, 2);
  layer4 = layer("layer4", units[3], 512, 2);
  start_he_normal(*this, Fan::out);
}

Features ResNetImpl::forward(torch::Tensor x) {
  Features f;
  x = bn1(conv1(x)).relu();  // [N,64,H/2,W/2]
  f.maps.push_back(x);
  x = torch::max_pool2d(x, 3, 2, 1);
  for (const auto& layer : {layer1, layer2, layer3, layer4}) {
    for (const auto& unit : *layer) x = unit->as<Unit>()->forward(x);
    f.maps.push_back(x);
  }
  return f;
}

std::vector<int64_t> ResNetImpl::channels() const {
  if (options_.depth < 50) return {64, 64, 128, 256, 512};
  return {64, 256, 512, 1024, 2048};
}

}  // namespace groundglass
