#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// The connected pieces of a mask.
struct Components {
  torch::Tensor labels;        ///< shape of the mask, int32: 0 outside, 1..n inside
  std::vector<int64_t> sizes;  ///< pixels of piece 1, 2, ..., n
};

/// Pieces of everything that is not zero: pixels that share a side or a corner belong together
/// (8 neighbours in [H,W], 26 in [D,H,W]). Numbered in the order of their first pixel.
///
/// Two passes and a union-find of the provisional numbers: Rosenfeld, Pfaltz, J. ACM 13 (1966) 471.
///
/// mask    [H,W] or [D,H,W] of any whole type.
/// throws  Error(usage) naming the shape for other axes.
Components connected_components(const torch::Tensor& mask);

}  // namespace groundglass
