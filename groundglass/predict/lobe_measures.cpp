#include "groundglass/predict/lobe_measures.h"

#include <algorithm>
#include <cmath>

#include "groundglass/preprocess/lung_mask.h"

namespace groundglass {
namespace {

constexpr int64_t kCell = LungEstimator::kCoarseness;
constexpr double kLowestHu = -1024, kHuStep = 8;

int64_t cells_along(int64_t voxels) {
  return (voxels + kCell - 1) / kCell;
}

/// Which lung each cell belongs to, and those of the lungs that were found.
struct Sides {
  std::vector<LungSide> all, found;
};

Sides sides_of(const LungsInCells& lungs) {
  const LungCells& cells = lungs.cells;
  Sides sides;
  sides.all.assign(cells.lung.size(), LungSide::none);
  sides.found = sides.all;
  const auto plane = plane_between_lungs(cells);
  if (!plane) return sides;
  const bool told_apart = lungs.right != nullptr && lungs.left != nullptr;
  size_t at = 0;
  for (int64_t k = 0; k < cells.depth; ++k) {
    for (int64_t j = 0; j < cells.height; ++j) {
      for (int64_t i = 0; i < cells.width; ++i, ++at) {
        if (!cells.lung[at]) continue;
        const bool right = told_apart && lungs.right->lung[at];
        const bool left = told_apart && lungs.left->lung[at];
        const auto mm = to_patient_mm(
            cells.grid, {static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
        const bool is_right = right != left ? right : mm[0] < *plane;
        sides.all[at] = is_right ? LungSide::right : LungSide::left;
        if (!told_apart || right || left) sides.found[at] = sides.all[at];
      }
    }
  }
  return sides;
}

Severity finished(const std::array<LobeMeasures::Sums, 5>& sums, double voxel_ml,
                  const std::string& reason) {
  std::array<RegionCount, 5> counts = {};
  for (size_t lobe = 0; lobe < sums.size(); ++lobe) counts[lobe] = sums[lobe].count;
  Severity severity = severity_of_lobes(counts, reason);
  for (size_t lobe = 0; lobe < sums.size(); ++lobe) {
    auto& region = severity.regions[lobe];
    const auto voxels = static_cast<double>(region.count.voxels);
    const auto infected = static_cast<double>(region.count.infected);
    if (voxels == 0) continue;
    region.ml = voxels * voxel_ml;
    region.mean_hu = sums[lobe].hu / voxels;
    if (infected > 0) region.lesion_mean_hu = sums[lobe].lesion_hu / infected;
  }
  return severity;
}

}  // namespace

LobeMeasures::LobeMeasures(const LobeSource& source, const AxialSource& volume, Keep keep)
    : atlas_(source.atlas), keep_(keep) {
  const Geometry grid = volume.geometry();
  voxel_ml_ = voxel_mm3(grid) / 1000;
  cut_off_voxels_ = 100 * kCutOffLungs_cm2 / (grid.spacing_mm[0] * grid.spacing_mm[1]);
  if (!source.file.empty()) file_ = std::make_unique<LobeFile>(source.file, volume);
}

void LobeMeasures::take(const torch::Tensor& hu, const torch::Tensor& lesions,
                        const torch::Tensor& lungs) {
  height_ = hu.size(0);
  width_ = hu.size(1);
  const auto as_float = hu.to(torch::kFloat32);
  if (file_) {
    const auto lobes = file_->read(slices_).flatten();
    const auto ill = lobes * (lesions.flatten() != 0).to(torch::kUInt8);
    const auto values = as_float.flatten().to(torch::kFloat64);
    const auto voxels = torch::bincount(lobes, {}, 6), infected = torch::bincount(ill, {}, 6);
    const auto hu_sums = torch::bincount(lobes, values, 6);
    const auto lesion_hu_sums = torch::bincount(ill, values, 6);
    for (int64_t lobe = 1; lobe <= 5; ++lobe) {
      Sums& sums = sums_[static_cast<size_t>(lobe - 1)];
      sums.count.voxels += voxels[lobe].item<int64_t>();
      sums.count.infected += infected[lobe].item<int64_t>();
      sums.hu += hu_sums[lobe].item<double>();
      sums.lesion_hu += lesion_hu_sums[lobe].item<double>();
    }
    last_slice_voxels_ = (lobes != 0).sum().item<int64_t>();
    if (slices_ == 0) first_slice_voxels_ = last_slice_voxels_;
  } else if (atlas_) {
    const auto means = torch::avg_pool2d(as_float.view({1, 1, height_, width_}), {kCell, kCell},
                                         {kCell, kCell}, {0, 0}, true, false);
    const auto bytes =
        ((means - kLowestHu) / kHuStep).round().clamp(0, 255).to(torch::kUInt8).contiguous();
    const auto* first = bytes.data_ptr<uint8_t>();
    hu_of_cells_.insert(hu_of_cells_.end(), first, first + bytes.numel());
    if (keep_ == Keep::map && lungs.defined()) {
      const auto inside = ((lungs != 0) | (lesions != 0)).contiguous();
      const auto* bits = inside.data_ptr<bool>();
      inside_.insert(inside_.end(), bits, bits + inside.numel());
    }
  }
  ++slices_;
}

Severity LobeMeasures::of_file() const {
  const bool cut_off = static_cast<double>(first_slice_voxels_) > cut_off_voxels_ ||
                       static_cast<double>(last_slice_voxels_) > cut_off_voxels_;
  return finished(sums_, voxel_ml_, cut_off ? kLungsAreCutOff : "");
}

Severity LobeMeasures::by_shape(const LungsInCells& lungs) {
  const LungCells& cells = lungs.cells;
  const int64_t rows = cells_along(height_), columns = cells_along(width_);
  lobes_.assign(static_cast<size_t>(slices_ * rows * columns), Lobe::none);
  if (cells.lung.empty()) return finished({}, voxel_ml_, "no lungs were found");
  if (are_cut_off(cells)) return finished({}, voxel_ml_, kLungsAreCutOff);
  const Sides sides = sides_of(lungs);
  const auto lobes = atlas_->lobes_of(cells, sides.all, sides.found);
  size_t at = 0, next = 0;  // next of the cells with lesion
  for (int64_t k = 0; k < cells.depth; ++k) {
    for (int64_t j = 0; j < cells.height; ++j) {
      for (int64_t i = 0; i < cells.width; ++i, ++at) {
        while (next < cells.lesion_cells.size() &&
               cells.lesion_cells[next] < static_cast<int64_t>(at)) {
          ++next;
        }
        if (lobes[at] == Lobe::none) continue;
        const int64_t row = j - lungs.frame, column = i - lungs.frame;
        if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
        const auto own = static_cast<size_t>((k * rows + row) * columns + column);
        lobes_[own] = lobes[at];
        const auto lobe = static_cast<size_t>(lobes[at]) - 1;
        Sums& sums = sums_[lobe];
        sums.count.voxels += cells.voxels_each;
        sums.hu += static_cast<double>(cells.voxels_each) *
                   (kLowestHu + kHuStep * static_cast<double>(hu_of_cells_[own]));
        if (next < cells.lesion_cells.size() &&
            cells.lesion_cells[next] == static_cast<int64_t>(at)) {
          sums.count.infected += cells.lesion_voxels[next];
          // the network's lungs come without HU: the cell's mean stands in
          const double hu = cells.lesion_hu.empty()
                                ? kLowestHu + kHuStep * static_cast<double>(hu_of_cells_[own])
                                : static_cast<double>(cells.lesion_hu[next]);
          sums.lesion_hu += cells.lesion_voxels[next] * hu;
        }
      }
    }
  }
  return finished(sums_, voxel_ml_, "");
}

torch::Tensor LobeMeasures::map_of(int64_t k) const {
  constexpr std::array<uint8_t, 6> kAsLungmask = {0, 3, 4, 5, 1, 2};  // of each Lobe
  const int64_t columns = cells_along(width_), rows = cells_along(height_);
  auto map = torch::zeros({height_, width_}, torch::kUInt8);
  auto* out = map.data_ptr<uint8_t>();
  for (int64_t y = 0; y < height_; ++y) {
    for (int64_t x = 0; x < width_; ++x, ++out) {
      const auto voxel = static_cast<size_t>((k * height_ + y) * width_ + x);
      if (!inside_.empty() && !inside_[voxel]) continue;
      const auto cell = static_cast<size_t>((k * rows + y / kCell) * columns + x / kCell);
      *out = kAsLungmask[static_cast<size_t>(lobes_[cell])];
    }
  }
  return map;
}

}  // namespace groundglass
