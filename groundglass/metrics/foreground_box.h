#pragma once

#include <torch/types.h>

namespace groundglass {

/// Two masks as contiguous [D,H,W] bytes (0 and 1), cut to the smallest box that holds the
/// foreground of both; pictures have D = 1. Without any foreground all extents are 0.
///
/// Cutting changes no count and no distance between the masks, and a lesion fills a small part of a
/// study.
struct ForegroundBox {
  torch::Tensor prediction, truth;
  bool prediction_empty = true, truth_empty = true;
};

/// All foreground labels as one class; pixels whose truth is kIgnoreLabel are background in both.
///
/// prediction, truth  label maps [H,W] or [D,H,W] of equal shape.
/// Throws Error(usage) naming both shapes if they differ or have other axes.
ForegroundBox foreground_box(const torch::Tensor& prediction, const torch::Tensor& truth);

}  // namespace groundglass
