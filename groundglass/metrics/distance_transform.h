#pragma once

#include <array>

#include <torch/types.h>

namespace groundglass {

/// For each voxel the distance between its centre and that of the nearest seed.
///
/// Exact up to the rounding of float32: lower envelopes of parabolas, one axis after the other, in
/// time proportional to the number of voxels. Felzenszwalb, Huttenlocher, Theory of Computing 8
/// (2012) 415, https://doi.org/10.4086/toc.2012.v008a019.
///
/// seeds    [D,H,W] uint8; not zero is a seed.
/// spacing  of the axes D, H, W; the distances have its unit.
/// returns  [D,H,W] float32; infinite everywhere if there is no seed.
torch::Tensor distance_to_seeds(const torch::Tensor& seeds, const std::array<double, 3>& spacing);

}  // namespace groundglass
