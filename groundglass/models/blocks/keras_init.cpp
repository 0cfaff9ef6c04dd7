#include "groundglass/models/blocks/keras_init.h"

#include <cmath>

namespace groundglass {
namespace {

/// U(-r,r) of variance 2 / fans.
torch::Tensor uniform(torch::IntArrayRef shape, int64_t fans) {
  const double r = std::sqrt(6.0 / static_cast<double>(fans));
  return torch::empty(shape).uniform_(-r, r);
}

void start(torch::nn::Module& module, torch::Tensor (*draw)(torch::IntArrayRef)) {
  const torch::NoGradGuard no_grad;
  module.apply([draw](torch::nn::Module& part) {
    auto own = part.named_parameters(/*recurse=*/false);
    auto* weight = own.find("weight");
    if (weight == nullptr || weight->dim() != 4) return;
    weight->copy_(draw(weight->sizes()));
    if (auto* bias = own.find("bias")) bias->zero_();
  });
}

}  // namespace

torch::Tensor glorot_uniform(torch::IntArrayRef shape) {
  const int64_t field = shape[2] * shape[3];
  return uniform(shape, (shape[1] + shape[0]) * field);
}

torch::Tensor glorot_uniform_depthwise(torch::IntArrayRef shape) {
  const int64_t field = shape[2] * shape[3];
  return uniform(shape, (shape[0] + 1) * field);
}

torch::Tensor he_uniform(torch::IntArrayRef shape) {
  return uniform(shape, shape[1] * shape[2] * shape[3]);
}

void start_glorot_uniform(torch::nn::Module& module) {
  start(module, glorot_uniform);
}

void start_he_uniform(torch::nn::Module& module) {
  start(module, he_uniform);
}

}  // namespace groundglass
