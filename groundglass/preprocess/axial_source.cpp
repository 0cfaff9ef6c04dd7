#include "groundglass/preprocess/axial_source.h"

#include <algorithm>

namespace groundglass {

AxialSource::AxialSource(const std::filesystem::path& path, UnitsAsked units)
    : reader_(open_volume(path, units)), view_(axial_view(reader_->info().geometry)) {}

AxialSource::AxialSource(std::unique_ptr<VolumeReader> reader, const AxialView& view)
    : reader_(std::move(reader)), view_(view) {}

int64_t AxialSource::depth() const {
  const std::array<int64_t, 3> stored = {info().depth, info().height, info().width};
  return stored[static_cast<size_t>(view_.order[0])];
}

Geometry AxialSource::geometry() const {
  const Geometry& g = info().geometry;
  const std::array<int64_t, 3> size = {info().width, info().height, info().depth};
  Geometry out = g;
  std::array<double, 3> first{};  // index of the first upright voxel on the stored grid
  for (size_t axis = 0; axis < 3; ++axis) {
    const size_t from = 2 - static_cast<size_t>(view_.order[axis]), to = 2 - axis;
    const double sign = view_.reversed[axis] ? -1 : 1;
    out.spacing_mm[to] = g.spacing_mm[from];
    for (size_t row = 0; row < 3; ++row) {
      out.direction[3 * row + to] = sign * g.direction[3 * row + from];
    }
    if (view_.reversed[axis]) first[from] = static_cast<double>(size[from] - 1);
  }
  out.origin_mm = to_patient_mm(g, first);
  return out;
}

int64_t AxialSource::tile_step() const {
  constexpr int64_t kTiles = 16;
  return std::max<int64_t>(1, depth() / kTiles);
}

void AxialSource::turn() {
  auto voxels = torch::empty({info().depth, info().height, info().width}, info().type);
  for (int64_t k = 0; k < info().depth; ++k) voxels[k].copy_(reader_->read_slice(k));
  whole_ = view_.apply(voxels);
}

Image AxialSource::read(int64_t k) {
  if (!streams() && !whole_.defined()) turn();
  const auto slice = streams() ? view_.apply_to_slice(reader_->read_slice(k)) : whole_[k];
  return {slice.contiguous().unsqueeze(0), info().units, info().white, {}};
}

}  // namespace groundglass
