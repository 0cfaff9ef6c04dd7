#pragma once

#include <torch/nn/modules/conv.h>

namespace groundglass {

/// A transposed convolution of kernel 2 and stride 2 without padding, as U-Nets double their maps.
///
/// Under bfloat16 on the CPU it is one matrix product and a shuffle, whose result is bfloat16 and
/// lies channels last: LibTorch's own has no bfloat16 there, and costs two conversions of the map
/// and of its gradient (docs/results/speed.md). Otherwise LibTorch's own.
///
/// conv    kernel 2, stride 2, padding 0, one group.
/// x       [N,in,H,W].
/// returns [N,out,2H,2W].
torch::Tensor up_convolution(torch::nn::ConvTranspose2dImpl& conv, const torch::Tensor& x);

}  // namespace groundglass
