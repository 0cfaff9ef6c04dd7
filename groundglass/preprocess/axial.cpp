#include "groundglass/preprocess/axial.h"

#include <algorithm>

namespace groundglass {
namespace {

std::vector<int64_t> reversed_axes(const AxialView& view, int64_t first, int64_t offset) {
  std::vector<int64_t> axes;
  for (int64_t axis = first; axis < 3; ++axis) {
    if (view.reversed[static_cast<size_t>(axis)]) axes.push_back(axis - offset);
  }
  return axes;
}

}  // namespace

AxialView axial_view(const Geometry& geometry) {
  const Orientation o = orientation(geometry);
  AxialView view;
  for (size_t patient = 0; patient < 3; ++patient) {  // x becomes W (2), y becomes H (1), z D (0)
    const auto found = std::find(o.patient_axis.begin(), o.patient_axis.end(), patient);
    const auto index = static_cast<size_t>(found - o.patient_axis.begin());  // 0 W, 1 H, 2 D
    view.order[2 - patient] = static_cast<int64_t>(2 - index);
    view.reversed[2 - patient] = o.reversed[index];
  }
  view.reversed[0] = false;
  return view;
}

torch::Tensor AxialView::apply(const torch::Tensor& volume) const {
  return volume.permute({order[0], order[1], order[2]}).flip(reversed_axes(*this, 0, 0));
}

torch::Tensor AxialView::undo(const torch::Tensor& volume) const {
  std::array<int64_t, 3> back{};
  for (size_t axis = 0; axis < 3; ++axis) {
    back[static_cast<size_t>(order[axis])] = static_cast<int64_t>(axis);
  }
  return volume.flip(reversed_axes(*this, 0, 0)).permute({back[0], back[1], back[2]});
}

torch::Tensor AxialView::apply_to_slice(const torch::Tensor& slice) const {
  const auto turned = order[1] == 1 ? slice : slice.transpose(-1, -2);
  return turned.flip(reversed_axes(*this, 1, 3));
}

torch::Tensor AxialView::undo_on_slice(const torch::Tensor& slice) const {
  const auto turned = slice.flip(reversed_axes(*this, 1, 3));
  return order[1] == 1 ? turned : turned.transpose(-1, -2);
}

}  // namespace groundglass
