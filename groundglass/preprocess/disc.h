#pragma once

#include <torch/types.h>

namespace groundglass {

/// What counts as lying beyond the border of a mask while it is worn down again.
enum class Beyond {
  mask,    ///< the border wears nothing down
  nothing  ///< it does, as everything outside the mask
};

/// Every pixel within a disc about a set pixel of the mask [H,W] (uint8, not zero is set); 1 is
/// set. A radius of 0 keeps the mask.
torch::Tensor grown_by_disc(const torch::Tensor& mask, int64_t radius);

/// The mask [H,W] (uint8, not zero is set), closed by a disc: grown by it, then worn down by it.
/// Pixel by pixel what OpenCV's morphological closing with an ellipse of 2 * radius + 1 gives, in
/// time that grows with the pixels alone and not with the radius.
torch::Tensor closed_by_disc(const torch::Tensor& mask, int64_t radius, Beyond beyond);

}  // namespace groundglass
