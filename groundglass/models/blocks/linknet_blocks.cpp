#include "groundglass/models/blocks/linknet_blocks.h"

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::BatchNorm2dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::ConvTranspose2d;
using torch::nn::ConvTranspose2dOptions;
namespace {

ConvTranspose2dOptions transposed_options(int64_t in, int64_t out, LinkNetStep step) {
  const int64_t kernel = step == LinkNetStep::transpose4 ? 4 : 3;
  const int64_t stride = step == LinkNetStep::transpose3_same ? 1 : 2;
  return ConvTranspose2dOptions(in, out, kernel)
      .stride(stride)
      .padding(1)
      .output_padding(step == LinkNetStep::transpose3 ? 1 : 0)
      .bias(false);
}

}  // namespace

LinkNetConvImpl::LinkNetConvImpl(int64_t in, int64_t out, LinkNetStep step, LinkNetNorm batch_norm)
    : step_(step) {
  switch (step) {
    case LinkNetStep::point:
    case LinkNetStep::same:
    case LinkNetStep::nearest: {
      const int64_t kernel = step == LinkNetStep::point ? 1 : 3;
      const auto options = Conv2dOptions(in, out, kernel).padding(kernel / 2).bias(false);
      conv = register_module("conv", Conv2d(options));
      break;
    }
    case LinkNetStep::transpose4:
    case LinkNetStep::transpose3:
    case LinkNetStep::transpose3_same:
      transposed_ = register_module("conv", ConvTranspose2d(transposed_options(in, out, step)));
      break;
  }
  norm = register_module(
      "norm",
      BatchNorm2d(BatchNorm2dOptions(out).eps(batch_norm.eps).momentum(batch_norm.momentum)));
  start_he_uniform(*this);
}

torch::Tensor LinkNetConvImpl::forward(torch::Tensor x) {
  // A factor instead of a size, so that a traced network takes other sizes.
  if (step_ == LinkNetStep::nearest) {
    x = torch::upsample_nearest2d(x, torch::nullopt, std::vector<double>{2, 2});
  }
  return norm(conv ? conv(x) : transposed_(x)).relu();
}

LinkNetBlockImpl::LinkNetBlockImpl(int64_t in, int64_t out, LinkNetStep step,
                                   LinkNetNorm batch_norm) {
  const int64_t quarter = in / 4;
  reduce = register_module("reduce", LinkNetConv(in, quarter, LinkNetStep::point, batch_norm));
  up = register_module("up", LinkNetConv(quarter, quarter, step, batch_norm));
  expand = register_module("expand", LinkNetConv(quarter, out, LinkNetStep::point, batch_norm));
}

torch::Tensor LinkNetBlockImpl::forward(const torch::Tensor& image) {
  return expand(up(reduce(image)));
}

}  // namespace groundglass
