#include "groundglass/models/unet.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/up_convolution.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::ConvTranspose2d;
using torch::nn::ConvTranspose2dOptions;
namespace {

/// Twice (3x3 convolution, batch norm, ReLU). [N,in,H,W] -> [N,out,H,W].
class DoubleConvImpl final : public torch::nn::Module {
 public:
  DoubleConvImpl(int64_t in, int64_t out) {
    const auto conv = [](int64_t from, int64_t to) {
      return Conv2d(Conv2dOptions(from, to, 3).padding(1).bias(false));
    };
    conv1 = register_module("conv1", conv(in, out));
    norm1 = register_module("norm1", BatchNorm2d(out));
    conv2 = register_module("conv2", conv(out, out));
    norm2 = register_module("norm2", BatchNorm2d(out));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto y = norm1(conv1(x)).relu_();
    return norm2(conv2(y)).relu_();
  }

 private:
  Conv2d conv1{nullptr}, conv2{nullptr};
  BatchNorm2d norm1{nullptr}, norm2{nullptr};
};
TORCH_MODULE(DoubleConv);

}  // namespace

UNetImpl::UNetImpl(const UNetOptions& options) : options_(options) {
  const auto& w = checked_widths(options.widths);
  for (size_t i = 0; i < w.size(); ++i) {
    down->push_back(DoubleConv(i == 0 ? options.in_channels : w[i - 1], w[i]));
  }
  for (size_t i = w.size() - 1; i > 0; --i) {  // coarsest first
    up->push_back(ConvTranspose2d(ConvTranspose2dOptions(w[i], w[i - 1], 2).stride(2)));
    fuse->push_back(DoubleConv(2 * w[i - 1], w[i - 1]));
  }
  register_module("down", down);
  register_module("up", up);
  register_module("fuse", fuse);
  head = register_module("head", Conv2d(Conv2dOptions(w.front(), options.out_channels, 1)));
  const auto most = static_cast<int64_t>(w.size()) - 2;
  if (options.side_outputs > std::max<int64_t>(most, 0)) {
    fail(ErrorKind::recipe, "[model] side_outputs is " + std::to_string(options.side_outputs) +
                                ", expected at most " + std::to_string(std::max<int64_t>(most, 0)) +
                                " with " + std::to_string(w.size()) + " widths");
  }
  for (size_t i = 1; i <= static_cast<size_t>(options.side_outputs); ++i) {
    side_heads->push_back(Conv2d(Conv2dOptions(w[i], options.out_channels, 1)));
  }
  register_module("side_heads", side_heads);
}

Features UNetImpl::encode(torch::Tensor x) {
  Features f;
  for (size_t i = 0; i < down->size(); ++i) {
    if (i > 0) x = torch::max_pool2d(x, 2);  // [N,w(i-1),H/2^i,W/2^i]
    x = watched("enc" + std::to_string(i + 1), down[i]->as<DoubleConv>()->forward(x));
    f.maps.push_back(x);
  }
  return f;
}

Prediction UNetImpl::decode(const Features& f) {
  torch::Tensor x = f.maps.back();
  std::vector<torch::Tensor> side(is_training() ? side_heads->size() : 0);
  for (size_t i = 0; i < up->size(); ++i) {
    const size_t scale = f.maps.size() - 2 - i;
    x = up_convolution(*up[i]->as<ConvTranspose2d>(), x);  // twice H and W, half the channels
    x = fuse[i]->as<DoubleConv>()->forward(torch::cat({f.maps[scale], x}, 1));
    x = watched("dec" + std::to_string(scale + 1), x);
    if (is_training() && scale >= 1 && scale <= side_heads->size()) {
      const auto said = side_heads[scale - 1]->as<Conv2d>()->forward(x);
      const auto& finest = f.maps.front();
      side[scale - 1] = torch::upsample_bilinear2d(said, {finest.size(2), finest.size(3)}, false);
    }
  }
  return {head(x), side};
}

int64_t UNetImpl::stride() const {
  return int64_t{1} << (options_.widths.size() - 1);
}

std::vector<std::string> UNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 1; i <= down->size(); ++i) names.push_back("enc" + std::to_string(i));
  for (size_t i = up->size(); i >= 1; --i) names.push_back("dec" + std::to_string(i));
  return names;
}

}  // namespace groundglass
