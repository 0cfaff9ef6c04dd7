#include "groundglass/models/blocks/decoder_block.h"

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/conv_same.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::BatchNorm2dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::ConvTranspose2d;
using torch::nn::ConvTranspose2dOptions;
namespace {

BatchNorm2d decoder_norm(int64_t channels) {
  return BatchNorm2d(BatchNorm2dOptions(channels).eps(1e-3).momentum(0.01));
}

torch::Tensor nearest_x2(const torch::Tensor& x) {
  return torch::upsample_nearest2d(x, torch::nullopt, std::vector<double>{2, 2});
}

}  // namespace

DecoderBlockImpl::DecoderBlockImpl(int64_t in, int64_t skip, int64_t width, BlockKind kind) {
  const bool transpose = kind == BlockKind::transpose;
  if (transpose) {
    up = register_module(
        "up",
        ConvTranspose2d(ConvTranspose2dOptions(in, width, 4).stride(2).padding(1).bias(false)));
    up_norm = register_module("up_norm", decoder_norm(width));
  }
  conv1 = register_module("conv1", conv_same((transpose ? width : in) + skip, width, 3));
  norm1 = register_module("norm1", decoder_norm(width));
  if (!transpose) {
    conv2 = register_module("conv2", conv_same(width, width, 3));
    norm2 = register_module("norm2", decoder_norm(width));
  }
  start_he_uniform(*this);
}

torch::Tensor DecoderBlockImpl::forward(torch::Tensor x, const std::vector<torch::Tensor>& skips) {
  x = up ? up_norm(up(x)).relu_() : nearest_x2(x);  // twice H and W
  if (!skips.empty()) {
    std::vector<torch::Tensor> all = {x};
    all.insert(all.end(), skips.begin(), skips.end());
    x = torch::cat(all, 1);
  }
  x = norm1(conv1(x)).relu_();  // [N,width,2H,2W]
  return conv2 ? norm2(conv2(x)).relu_() : x;
}

torch::nn::Conv2d segmentation_head(int64_t in, int64_t out) {
  Conv2d head(Conv2dOptions(in, out, 3).padding(1));
  start_glorot_uniform(*head);
  return head;
}

}  // namespace groundglass
