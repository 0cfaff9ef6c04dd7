#pragma once

#include <vector>

#include "groundglass/core/engine.h"

namespace groundglass {

/// Whether a training on `engine` keeps its maps channels last: bfloat16 on the CPU, where every
/// convolution would otherwise reorder them (docs/results/speed.md).
bool trains_channels_last(const Engine& engine);

/// Lays the kernels among `parameters` channels last; their numbers and identity stay.
void lay_channels_last(const std::vector<torch::Tensor>& parameters);

/// `image` [N,C,H,W] channels last. A single channel is no copy: its strides are named so that
/// LibTorch takes it for channels last, which it does not by itself.
torch::Tensor channels_last(const torch::Tensor& image);

}  // namespace groundglass
