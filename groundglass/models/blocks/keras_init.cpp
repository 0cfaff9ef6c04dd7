#include "groundglass/models/blocks/keras_init.h"

#include <cmath>

namespace groundglass {
namespace {

torch::Tensor uniform(torch::IntArrayRef shape, int64_t fan_in, int64_t fan_out) {
  const double r = std::sqrt(6.0 / static_cast<double>(fan_in + fan_out));
  return torch::empty(shape).uniform_(-r, r);
}

}  // namespace

torch::Tensor glorot_uniform(torch::IntArrayRef shape) {
  const int64_t field = shape[2] * shape[3];
  return uniform(shape, shape[1] * field, shape[0] * field);
}

torch::Tensor glorot_uniform_depthwise(torch::IntArrayRef shape) {
  const int64_t field = shape[2] * shape[3];
  return uniform(shape, shape[0] * field, field);
}

}  // namespace groundglass
