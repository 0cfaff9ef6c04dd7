#pragma once

#include <array>
#include <functional>

#include "groundglass/models/nn.h"

namespace groundglass {

/// Multiply-accumulates of all convolutions in `forward` for one image [1,channels,H,W], in units
/// of 1e9; as count_gmacs of segmentation_model.h, for any module.
///
/// model    whose parameters `forward` uses; it is traced in evaluation mode.
/// stride   H and W of the image are multiples of it.
/// size     H and W.
double count_gmacs(torch::nn::Module& model,
                   const std::function<torch::Tensor(const torch::Tensor&)>& forward,
                   int64_t channels, int64_t stride, std::array<int64_t, 2> size);

}  // namespace groundglass
