#pragma once

#include <utility>

#include <torch/types.h>

namespace groundglass {

/// Maxima of the 2x2 windows and their places, as max_unpool wants them. Of equal values (zeros
/// after a ReLU) the first in reading order counts.
///
/// x       [N,C,H,W], H and W even.
/// returns [N,C,H/2,W/2] and int64 places in the plane [H,W] of the same shape.
std::pair<torch::Tensor, torch::Tensor> max_pool_with_indices(const torch::Tensor& x);

/// Puts each value back to the place its window's maximum came from; zeros elsewhere.
///
/// Badrinarayanan, Kendall, Cipolla, "SegNet", IEEE TPAMI 2017, https://arxiv.org/abs/1511.00561,
/// Fig. 3.
/// Differs: nothing known. Half-width types are moved through float32, for which alone LibTorch has
/// kernels; the values stay what they are.
///
/// x, indices [N,C,H/2,W/2]; like [N,*,H,W] has the size wanted.
/// returns    [N,C,H,W] of x's type.
torch::Tensor max_unpool(const torch::Tensor& x, const torch::Tensor& indices,
                         const torch::Tensor& like);

}  // namespace groundglass
