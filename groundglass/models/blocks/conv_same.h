#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// A convolution without bias whose padding is half its odd kernel: at stride 1 the map keeps its
/// size. [N,in,H,W] -> [N,out,ceil(H/stride),ceil(W/stride)].
inline torch::nn::Conv2d conv_same(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

}  // namespace groundglass
