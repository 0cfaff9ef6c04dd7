#include "groundglass/models/unet.h"

#include "groundglass/models/blocks/up_convolution.h"

namespace groundglass {
using torch::nn::BatchNorm2d;
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
  for (size_t i = 0; i < up->size(); ++i) {
    const size_t scale = f.maps.size() - 2 - i;
    x = up_convolution(*up[i]->as<ConvTranspose2d>(), x);  // twice H and W, half the channels
    x = fuse[i]->as<DoubleConv>()->forward(torch::cat({f.maps[scale], x}, 1));
    x = watched("dec" + std::to_string(scale + 1), x);
  }
  return {head(x), {}};
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
