#include "groundglass/models/encoders/mobilenet_v2.h"

#include <array>

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/conv_same.h"
#include "groundglass/models/blocks/he_init.h"
#include "groundglass/models/blocks/tf_same.h"

namespace groundglass {
using torch::nn::BatchNorm2dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
namespace {

constexpr int64_t kMobileLastWidth = 1280;
constexpr std::array<size_t, 5> kMobileTaps = {1, 3, 6, 13,
                                               18};  ///< features behind which maps stand

BatchNorm2d mobile_norm(int64_t channels, MobileNetPadding padding) {
  const double eps = padding == MobileNetPadding::tensorflow ? 1e-3 : 1e-5;
  return BatchNorm2d(BatchNorm2dOptions(channels).eps(eps));
}

struct MobileConvOptions {
  int64_t kernel = 1, stride = 1, groups = 1;
  MobileNetPadding padding = MobileNetPadding::tensorflow;
};

/// Convolution, batch norm, ReLU6. [N,in,H,W] -> [N,out,H/stride,W/stride].
class MobileConvImpl final : public torch::nn::Module {
 public:
  MobileConvImpl(int64_t in, int64_t out, const MobileConvOptions& options) : options_(options) {
    const int64_t border = pads_before() ? 0 : options.kernel / 2;
    conv = register_module("0", Conv2d(Conv2dOptions(in, out, options.kernel)
                                           .stride(options.stride)
                                           .padding(border)
                                           .groups(options.groups)
                                           .bias(false)));
    norm = register_module("1", mobile_norm(out, options.padding));
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const auto padded = pads_before() ? pad_tf_same(x, options_.kernel, options_.stride) : x;
    return norm(conv(padded)).clamp(0, 6);  // LibTorch 1.13 has no bf16 gradient of hardtanh
  }

 private:
  /// At stride 1 both paddings are the same.
  bool pads_before() const {
    return options_.stride > 1 && options_.padding == MobileNetPadding::tensorflow;
  }

  MobileConvOptions options_;
  Conv2d conv{nullptr};
  BatchNorm2d norm{nullptr};
};
TORCH_MODULE(MobileConv);

/// 1x1 to `widen` times the channels (none if that is 1), 3x3 channel by channel, 1x1 without an
/// activation; the input is added where it fits. [N,in,H,W] -> [N,out,H/stride,W/stride].
class InvertedResidualImpl final : public torch::nn::Module {
 public:
  InvertedResidualImpl(int64_t in, int64_t out, int64_t widen, int64_t stride,
                       MobileNetPadding padding)
      : adds_(stride == 1 && in == out) {
    const int64_t wide = widen * in;
    if (widen > 1) conv->push_back(MobileConv(in, wide, MobileConvOptions{.padding = padding}));
    conv->push_back(MobileConv(
        wide, wide,
        MobileConvOptions{.kernel = 3, .stride = stride, .groups = wide, .padding = padding}));
    conv->push_back(conv_same(wide, out, 1));
    conv->push_back(mobile_norm(out, padding));
    register_module("conv", conv);
  }

  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = x;
    for (const auto& layer : *conv) {
      if (auto* active = layer->as<MobileConv>()) y = active->forward(y);
      if (auto* narrow = layer->as<Conv2d>()) y = narrow->forward(y);
      if (auto* norm = layer->as<BatchNorm2d>()) y = norm->forward(y);
    }
    return adds_ ? x + y : y;
  }

 private:
  bool adds_;
  torch::nn::ModuleList conv;
};
TORCH_MODULE(InvertedResidual);

}  // namespace

MobileNetV2Impl::MobileNetV2Impl(const MobileNetV2Options& options) : options_(options) {
  struct Row {
    int64_t widen, out, units, stride;
  };
  const std::vector<Row> rows = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                 {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  int64_t in = 32;
  features->push_back(
      MobileConv(options.in_channels, in,
                 MobileConvOptions{.kernel = 3, .stride = 2, .padding = options.padding}));
  for (const auto& row : rows) {
    for (int64_t u = 0; u < row.units; ++u) {
      features->push_back(
          InvertedResidual(in, row.out, row.widen, u == 0 ? row.stride : 1, options.padding));
      in = row.out;
    }
  }
  features->push_back(
      MobileConv(in, kMobileLastWidth, MobileConvOptions{.padding = options.padding}));
  register_module("features", features);
  start_he_normal(*this, Fan::out);
}

Features MobileNetV2Impl::forward(torch::Tensor x) {
  Features f;
  for (size_t i = 0; i < features->size(); ++i) {
    const auto& layer = features[i];
    x = layer->as<MobileConv>() != nullptr ? layer->as<MobileConv>()->forward(x)
                                           : layer->as<InvertedResidual>()->forward(x);
    if (std::find(kMobileTaps.begin(), kMobileTaps.end(), i) != kMobileTaps.end())
      f.maps.push_back(x);
  }
  return f;
}

}  // namespace groundglass
