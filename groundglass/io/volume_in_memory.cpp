#include "groundglass/io/volume_in_memory.h"

#include <algorithm>
#include <cmath>

#include "groundglass/io/refuse.h"

namespace groundglass {
namespace {

class VolumeInMemory final : public VolumeReader {
 public:
  VolumeInMemory(Volume volume, const std::string& name)
      : VolumeReader(name), voxels_(std::move(volume.voxels)) {
    info_.depth = voxels_.size(0);
    info_.height = voxels_.size(1);
    info_.width = voxels_.size(2);
    info_.type = voxels_.scalar_type();
    info_.geometry = volume.geometry;
    info_.units = volume.units;
    info_.white = volume.white;
    info_.format = "memory";
    info_.warnings = std::move(volume.warnings);
  }

 private:
  torch::Tensor load_slice(int64_t k) override { return voxels_[k]; }

  torch::Tensor voxels_;
};

void check_voxels(const Volume& volume, const std::string& name) {
  const auto& voxels = volume.voxels;
  if (!voxels.defined() || voxels.dim() != 3 || voxels.numel() == 0) {
    refuse(name, "voxels are " + (voxels.defined() ? shape_text(voxels) : "undefined") +
                     ", expected [D,H,W] with at least one of each");
  }
  const auto type = voxels.scalar_type();
  if (type != torch::kUInt8 && type != torch::kInt16 && type != torch::kFloat32) {
    refuse(name, std::string("voxels are ") + torch::toString(type) +
                     ", expected uint8, int16 or float32");
  }
  if (!voxels.device().is_cpu()) refuse(name, "voxels lie on a device, expected on the processor");
  if (volume.units == Units::gray && type == torch::kInt16) {
    refuse(name, "voxels are gray and int16, expected uint8 or float32");
  }
}

/// Determinant of the axes: 0 where they lie in a plane.
double handedness(const std::array<double, 9>& d) {
  return d[0] * (d[4] * d[8] - d[5] * d[7]) - d[1] * (d[3] * d[8] - d[5] * d[6]) +
         d[2] * (d[3] * d[7] - d[4] * d[6]);
}

void check_grid(const Geometry& geometry, const std::string& name) {
  for (const double mm : geometry.spacing_mm) {
    if (!(mm > 0) || !std::isfinite(mm)) {
      refuse(name, "spacing is " + std::to_string(mm) + " mm along an axis, expected above 0");
    }
  }
  const double volume = handedness(geometry.direction);
  if (!std::isfinite(volume) || std::abs(volume) < 1e-3) {
    refuse(name, "the axes of the grid lie in a plane, expected three unit vectors as columns");
  }
}

}  // namespace

std::unique_ptr<VolumeReader> volume_in_memory(Volume volume, const std::string& name) {
  check_voxels(volume, name);
  check_grid(volume.geometry, name);
  return std::make_unique<VolumeInMemory>(std::move(volume), name);
}

}  // namespace groundglass
