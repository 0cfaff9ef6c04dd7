#pragma once

#include <array>
#include <cstdint>

#include <torch/types.h>

namespace groundglass {

/// 256 bits that look-alikes share: the signs of the horizontal differences of a picture at 17 x 16
/// pixels.
///
/// Krawetz, "dHash", 2013. Differs: 16 x 16 bits, not 8 x 8.
using DifferenceHash = std::array<uint64_t, 4>;

/// image [C,H,W] of any kind; its first channel counts.
DifferenceHash difference_hash(const torch::Tensor& image);

/// In how many of the 256 bits two hashes differ.
int64_t differing_bits(const DifferenceHash& a, const DifferenceHash& b);

}  // namespace groundglass
