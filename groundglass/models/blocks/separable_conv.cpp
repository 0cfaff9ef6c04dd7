#include "groundglass/models/blocks/separable_conv.h"

#include <string>

#include "groundglass/core/error.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;

SeparableConvImpl::SeparableConvImpl(int64_t in, int64_t out, int64_t kernel) {
  if (kernel < 1 || kernel % 2 == 0) {
    fail(ErrorKind::usage, "separable convolution: kernel is " + std::to_string(kernel) +
                               ", expected an odd number, so that the padding is symmetric");
  }
  depthwise = register_module(
      "depthwise",
      Conv2d(Conv2dOptions(in, in, kernel).padding(kernel / 2).groups(in).bias(false)));
  pointwise = register_module("pointwise", Conv2d(Conv2dOptions(in, out, 1)));
  const torch::NoGradGuard no_grad;
  depthwise->weight.copy_(glorot_uniform_depthwise(depthwise->weight.sizes()));
  pointwise->weight.copy_(glorot_uniform(pointwise->weight.sizes()));
  pointwise->bias.zero_();
}

torch::Tensor SeparableConvImpl::forward(const torch::Tensor& image) {
  return pointwise(depthwise(image));
}

}  // namespace groundglass
