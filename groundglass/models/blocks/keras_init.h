#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// Glorot's uniform start for a dense convolution kernel [a,b,kh,kw], U(-r,r) with
/// r = sqrt(6 / ((a + b) kh kw)). Keras' default; the same for plain and transposed kernels.
///
/// Glorot, Bengio, AISTATS 2010, eq. 16.
torch::Tensor glorot_uniform(torch::IntArrayRef shape);

/// The same for a depthwise kernel [C,1,kh,kw] as Keras counts its fans: in C kh kw, out kh kw.
torch::Tensor glorot_uniform_depthwise(torch::IntArrayRef shape);

/// He's uniform start for a convolution kernel [a,b,kh,kw], U(-r,r) with r = sqrt(6 / (b kh kw)).
/// For a plain kernel b counts the inputs; for a transposed one [in,out,kh,kw] it counts the
/// outputs, which Keras takes for the fan in as well.
///
/// He, Zhang, Ren, Sun, ICCV 2015, https://arxiv.org/abs/1502.01852, eq. 10, as a uniform
/// distribution of the same variance.
torch::Tensor he_uniform(torch::IntArrayRef shape);

/// Draws the kernel of every dense convolution in `module` that way and sets its bias to zero.
void start_glorot_uniform(torch::nn::Module& module);
void start_he_uniform(torch::nn::Module& module);

}  // namespace groundglass
