#pragma once

#include <torch/types.h>

namespace groundglass {

/// Glorot's uniform start for a dense convolution kernel [a,b,kh,kw], U(-r,r) with
/// r = sqrt(6 / ((a + b) kh kw)). Keras' default; the same for plain and transposed kernels.
///
/// Glorot, Bengio, AISTATS 2010, eq. 16.
torch::Tensor glorot_uniform(torch::IntArrayRef shape);

/// The same for a depthwise kernel [C,1,kh,kw] as Keras counts its fans: in C kh kw, out kh kw.
torch::Tensor glorot_uniform_depthwise(torch::IntArrayRef shape);

}  // namespace groundglass
