#pragma once

#include <torch/types.h>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// How the slices of a volume are turned so that the network sees what it was trained on: axial
/// slices, upright (rows run to the patient's back, columns to the patient's left). Only axes are
/// swapped and reversed; nothing is resampled, so the way back is exact.
struct AxialView {
  std::array<int64_t, 3> order = {0, 1, 2};  ///< array axis (0 D, 1 H, 2 W) that becomes D, H, W
  std::array<bool, 3> reversed = {false, false, false};  ///< of the new D, H, W

  /// True if slices along the array's first axis are axial, so that they can be read one by one.
  bool slices_are_axial() const { return order[0] == 0; }

  /// volume [D,H,W] -> axial, upright [D',H',W'], a view.
  torch::Tensor apply(const torch::Tensor& volume) const;
  /// The way back.
  torch::Tensor undo(const torch::Tensor& volume) const;

  /// The same for one slice [..,H,W] where slices_are_axial(); the order of the slices stays.
  torch::Tensor apply_to_slice(const torch::Tensor& slice) const;
  torch::Tensor undo_on_slice(const torch::Tensor& slice) const;
};

/// The view of a grid. Slices keep the stored order along the body axis unless the axis is not
/// first.
AxialView axial_view(const Geometry& geometry);

}  // namespace groundglass
