#include "groundglass/models/blocks/keras_layers.h"

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/keras_init.h"

namespace groundglass {
using torch::nn::BatchNorm2dOptions;
using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::ConvTranspose2d;
using torch::nn::ConvTranspose2dOptions;

Conv2d keras_conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t padding) {
  Conv2d conv(Conv2dOptions(in, out, kernel).stride(stride).padding(padding));
  const torch::NoGradGuard no_grad;
  conv->weight.copy_(glorot_uniform(conv->weight.sizes()));
  conv->bias.zero_();
  return conv;
}

ConvTranspose2d keras_conv_transpose(int64_t in, int64_t out) {
  ConvTranspose2d conv(ConvTranspose2dOptions(in, out, 2).stride(2));
  const torch::NoGradGuard no_grad;
  conv->weight.copy_(glorot_uniform(conv->weight.sizes()));
  conv->bias.zero_();
  return conv;
}

BatchNorm2d keras_batch_norm(int64_t channels) {
  return BatchNorm2d(BatchNorm2dOptions(channels).eps(1e-3).momentum(0.01));
}

void set_batch_norm_momentum(torch::nn::Module& module, double momentum) {
  // Without the module itself, which under construction has no owner yet.
  for (const auto& part : module.modules(false)) {
    if (auto* norm = part->as<BatchNorm2d>()) norm->options.momentum(momentum);
  }
}

}  // namespace groundglass
