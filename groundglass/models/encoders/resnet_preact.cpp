#include "groundglass/models/encoders/resnet_preact.h"

#include "groundglass/core/error.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/conv_same.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::BatchNorm2dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

constexpr double kEps = 2e-5, kMomentum = 0.01;
constexpr std::array<int64_t, 4> kUnits = {3, 4, 6, 3}, kWidths = {64, 128, 256, 512};

BatchNorm2d preact_norm(int64_t channels) {
  return BatchNorm2d(BatchNorm2dOptions(channels).eps(kEps).momentum(kMomentum));
}

}  // namespace

/// Basic: activate, 3x3, activate, 3x3. Bottleneck: 1x1, 3x3, 1x1, each activated before. The first
/// unit of a stage has a projection. [N,in,H,W] -> [N,out,H/stride,W/stride].
class ResNetPreactImpl::Unit final : public torch::nn::Module {
 public:
  Unit(int64_t depth, int64_t in, int64_t width, int64_t stride, bool first) {
    const bool basic = depth == 34;
    const int64_t out = basic ? width : 4 * width;
    bn1 = register_module("bn1", preact_norm(in));
    conv1 = register_module("conv1", conv_same(in, width, basic ? 3 : 1, basic ? stride : 1));
    bn2 = register_module("bn2", preact_norm(width));
    conv2 = register_module("conv2", conv_same(width, width, 3, basic ? 1 : stride));
    if (!basic) {
      bn3 = register_module("bn3", preact_norm(width));
      conv3 = register_module("conv3", conv_same(width, out, 1));
    }
    if (first) sc = register_module("sc", conv_same(in, out, 1, stride));
  }

  /// The first batch norm and ReLU, apart since taps are taken behind it.
  torch::Tensor activate(const torch::Tensor& x) { return bn1(x).relu(); }

  /// x, and the same activated.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& active) {
    auto y = conv2(bn2(conv1(active)).relu());
    if (conv3) y = conv3(bn3(y).relu());
    return y + (sc ? sc(active) : x);
  }

 private:
  BatchNorm2d bn1{nullptr}, bn2{nullptr}, bn3{nullptr};
  Conv2d conv1{nullptr}, conv2{nullptr}, conv3{nullptr}, sc{nullptr};
};

ResNetPreactImpl::ResNetPreactImpl(const ResNetPreactOptions& options) : options_(options) {
  if (options.depth != 34 && options.depth != 50) {
    fail(ErrorKind::recipe,
         "pre-activation ResNet of depth " + std::to_string(options.depth) + ", expected 34 or 50");
  }
  bn_data = register_module("bn_data", BatchNormNoScale(options.in_channels, kEps, kMomentum));
  conv0 = register_module("conv0", conv_same(options.in_channels, 64, 7, 2));
  bn0 = register_module("bn0", preact_norm(64));
  int64_t in = 64;
  for (size_t s = 0; s < kUnits.size(); ++s) {
    auto& stage = stages_.emplace_back();
    for (int64_t u = 0; u < kUnits[s]; ++u) {
      const int64_t stride = u == 0 && s > 0 ? 2 : 1;
      stage.push_back(
          register_module("stage" + std::to_string(s + 1) + "_unit" + std::to_string(u + 1),
                          std::make_shared<Unit>(options.depth, in, kWidths[s], stride, u == 0)));
      in = options.depth == 34 ? kWidths[s] : 4 * kWidths[s];
    }
  }
  bn1 = register_module("bn1", preact_norm(in));
  start_glorot_uniform(*this);
}

ResNetPreactImpl::~ResNetPreactImpl() = default;

Features ResNetPreactImpl::forward(torch::Tensor x) {
  Features f;
  x = bn0(conv0(bn_data(x))).relu();  // [N,64,H/2,W/2]
  f.maps.push_back(x);
  f.coarse.push_back(x);
  x = torch::max_pool2d(x, 3, 2, 1);
  for (size_t s = 0; s < stages_.size(); ++s) {
    for (size_t u = 0; u < stages_[s].size(); ++u) {
      const auto active = stages_[s][u]->activate(x);
      if (u == 0 && s > 0) f.maps.push_back(active);
      if (u == 1 && s + 1 < stages_.size()) f.coarse.push_back(active);
      x = stages_[s][u]->forward(x, active);
    }
  }
  x = bn1(x).relu();
  f.maps.push_back(x);
  f.coarse.push_back(x);
  if (options_.depth == 34) f.coarse.clear();
  return f;
}

std::vector<int64_t> ResNetPreactImpl::channels() const {
  if (options_.depth == 34) return {64, 64, 128, 256, 512};
  return {64, 256, 512, 1024, 2048};
}

}  // namespace groundglass
