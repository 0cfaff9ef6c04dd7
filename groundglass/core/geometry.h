#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace groundglass {

/// Where the voxels of a [D,H,W] array lie in the patient, in DICOM's LPS coordinates (x to the
/// patient's left, y to the back, z to the head), millimetres.
///
/// Arrays below are in the order of the voxel index (i along W, j along H, k along D).
/// direction is row-major: column c holds the unit vector of index axis c.
struct Geometry {
  std::array<double, 3> spacing_mm = {1, 1, 1};
  std::array<double, 3> origin_mm = {0, 0, 0};  ///< centre of voxel (0,0,0)
  std::array<double, 9> direction = {1, 0, 0, 0, 1, 0, 0, 0, 1};

  bool operator==(const Geometry&) const = default;
};

/// Centre of voxel (i,j,k) in the patient, mm; the index may lie between voxels.
std::array<double, 3> to_patient_mm(const Geometry& g, const std::array<double, 3>& index);

/// Volume of one voxel, mm^3.
double voxel_mm3(const Geometry& g);

/// True if origin, spacing and axes agree to `tolerance_mm` over the extent of one voxel.
bool same_geometry(const Geometry& a, const Geometry& b, double tolerance_mm = 1e-3);

/// The largest absolute dot product between two different axes: 0 for a right-angled grid.
double skewness(const Geometry& g);

/// The nearest right-angled axes (Gram-Schmidt, the last axis last).
Geometry orthonormalised(const Geometry& g);

/// How the index axes run in the patient: for each index axis (W,H,D), which patient axis
/// (0 x, 1 y, 2 z) it follows most closely and whether it runs against it.
struct Orientation {
  std::array<int, 3> patient_axis = {0, 1, 2};
  std::array<bool, 3> reversed = {false, false, false};

  bool operator==(const Orientation&) const = default;
};

/// The orientation of a grid; each patient axis is named once, also for oblique grids.
Orientation orientation(const Geometry& g);

/// "0.70 x 0.70 x 5.00 mm, axes L P S".
std::string describe(const Geometry& g);

}  // namespace groundglass
