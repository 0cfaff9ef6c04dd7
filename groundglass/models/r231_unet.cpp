#include "groundglass/models/r231_unet.h"
#include "groundglass/models/blocks/batch_norm.h"

#include <torch/nn/modules/activation.h>

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::ReLU;
namespace {

/// Twice (3x3 convolution with bias, ReLU, batch norm). [N,in,H,W] -> [N,out,H,W].
class DoubleConvBlockImpl final : public torch::nn::Module {
 public:
  DoubleConvBlockImpl(int64_t in, int64_t out) {
    for (const int64_t from : {in, out}) {
      block->push_back(Conv2d(Conv2dOptions(from, out, 3).padding(1)));
      block->push_back(ReLU());
      block->push_back(BatchNorm2d(out));
    }
    register_module("block", block);
  }

  torch::Tensor forward(torch::Tensor x) {
    for (size_t i = 0; i < block->size(); i += 3) {
      x = block[i]->as<Conv2d>()->forward(x).relu();
      x = block[i + 2]->as<BatchNorm2d>()->forward(x);
    }
    return x;
  }

 private:
  torch::nn::ModuleList block;  // the ReLUs keep the places of the public keys
};
TORCH_MODULE(DoubleConvBlock);

/// Bilinear doubling, then 1x1. [N,in,H,W] -> [N,out,2H,2W].
class UpImpl final : public torch::nn::Module {
 public:
  UpImpl(int64_t in, int64_t out) {
    conv = register_module("1", Conv2d(Conv2dOptions(in, out, 1)));  // the doubling is place 0
  }

  torch::Tensor forward(const torch::Tensor& x) {
    // A factor instead of a size, so that a traced network takes other sizes.
    return conv(torch::upsample_bilinear2d(x, torch::nullopt, /*align_corners=*/false,
                                           std::vector<double>{2, 2}));
  }

 private:
  Conv2d conv{nullptr};
};
TORCH_MODULE(Up);

/// Joins [doubled x, skip] and convolves. [N,in,H,W], [N,out,2H,2W] -> [N,out,2H,2W].
class UpBlockImpl final : public torch::nn::Module {
 public:
  UpBlockImpl(int64_t in, int64_t out) {
    up = register_module("up", Up(in, out));
    conv_block = register_module("conv_block", DoubleConvBlock(2 * out, out));
  }

  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& skip) {
    return conv_block(torch::cat({up(x), skip}, 1));
  }

 private:
  Up up{nullptr};
  DoubleConvBlock conv_block{nullptr};
};
TORCH_MODULE(UpBlock);

}  // namespace

R231UNetImpl::R231UNetImpl(const R231UNetOptions& options) : options_(options) {
  const auto& w = checked_widths(options.widths);
  for (size_t i = 0; i < w.size(); ++i) {
    down_path->push_back(DoubleConvBlock(i == 0 ? options.in_channels : w[i - 1], w[i]));
  }
  for (size_t i = w.size() - 1; i > 0; --i) up_path->push_back(UpBlock(w[i], w[i - 1]));
  register_module("down_path", down_path);
  register_module("up_path", up_path);
  last = register_module("last", Conv2d(Conv2dOptions(w.front(), options.out_channels, 1)));
}

Features R231UNetImpl::encode(torch::Tensor x) {
  Features f;
  for (size_t i = 0; i < down_path->size(); ++i) {
    if (i > 0) x = torch::avg_pool2d(x, 2);  // [N,w(i-1),H/2^i,W/2^i]
    x = watched("enc" + std::to_string(i + 1), down_path[i]->as<DoubleConvBlock>()->forward(x));
    f.maps.push_back(x);
  }
  return f;
}

Prediction R231UNetImpl::decode(const Features& f) {
  torch::Tensor x = f.maps.back();
  for (size_t i = 0; i < up_path->size(); ++i) {
    const size_t scale = f.maps.size() - 2 - i;
    x = up_path[i]->as<UpBlock>()->forward(x, f.maps[scale]);
    x = watched("dec" + std::to_string(scale + 1), x);
  }
  return {last(x), {}};
}

std::vector<std::string> R231UNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 1; i <= down_path->size(); ++i) names.push_back("enc" + std::to_string(i));
  for (size_t i = up_path->size(); i >= 1; --i) names.push_back("dec" + std::to_string(i));
  return names;
}

}  // namespace groundglass
