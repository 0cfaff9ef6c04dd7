#include "groundglass/io/nifti_geometry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include <nifti/nifti1_io.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/grid.h"

namespace groundglass {
namespace {

struct FreeNifti {
  void operator()(nifti_image* image) const { nifti_image_free(image); }
};
using NiftiImage = std::unique_ptr<nifti_image, FreeNifti>;

double mm_per_unit(const nifti_image& header) {
  if (header.xyz_units == NIFTI_UNITS_METER) return 1000;
  if (header.xyz_units == NIFTI_UNITS_MICRON) return 1e-3;
  return 1;
}

/// The grid behind a matrix from voxel index to right-anterior-superior.
Geometry grid_of(const mat44& matrix, double mm) {
  const std::array<double, 3> to_lps = {-mm, -mm, mm};
  Geometry g;
  for (size_t c = 0; c < 3; ++c) {
    std::array<double, 3> step{};
    for (size_t row = 0; row < 3; ++row) step[row] = to_lps[row] * matrix.m[row][c];
    g.spacing_mm[c] = std::hypot(step[0], step[1], step[2]);
    for (size_t row = 0; row < 3; ++row) g.direction[3 * row + c] = step[row] / g.spacing_mm[c];
  }
  for (size_t row = 0; row < 3; ++row) g.origin_mm[row] = to_lps[row] * matrix.m[row][3];
  return g;
}

Geometry voxel_sizes_only(const nifti_1_header& header, double mm,
                          std::vector<std::string>& warnings, const std::string& name) {
  warnings.push_back(
      name + ": has neither sform nor qform; the axes are taken as right-anterior-superior");
  Geometry g;
  g.direction = {-1, 0, 0, 0, -1, 0, 0, 0, 1};
  for (size_t c = 0; c < 3; ++c) {
    g.spacing_mm[c] = std::abs(header.pixdim[c + 1] * mm);
    if (header.pixdim[c + 1] < 0) {
      warnings.push_back(name + ": pixdim is negative along axis " + std::to_string(c + 1) +
                         "; its sign, which says nothing there by the standard, is passed over");
    }
    if (g.spacing_mm[c] > 0 && std::isfinite(g.spacing_mm[c])) continue;
    g.spacing_mm[c] = 1;
    warnings.push_back(name + ": has no voxel size along axis " + std::to_string(c + 1) +
                       "; 1 mm is assumed");
  }
  warn_of_voxel_size(g, name, warnings);
  return g;
}

std::string sizes_text(const Geometry& g) {
  return fixed(g.spacing_mm[0], 2) + " x " + fixed(g.spacing_mm[1], 2) + " x " +
         fixed(g.spacing_mm[2], 2) + " mm";
}

/// How far two grids put the same voxel apart at most, among the corners of the volume, mm.
double farthest_mm(const Geometry& a, const Geometry& b, const nifti_image& image) {
  const std::array<int64_t, 3> size = {image.nx, image.ny, image.nz};
  double farthest = 0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    std::array<double, 3> at{};
    for (unsigned c = 0; c < 3; ++c) {
      at[c] = (corner >> c & 1u) != 0 ? static_cast<double>(std::max<int64_t>(size[c], 1) - 1) : 0;
    }
    const auto p = to_patient_mm(a, at), q = to_patient_mm(b, at);
    farthest = std::max(farthest, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
  return farthest;
}

/// A file may say twice where its voxels lie, and not the same; the two codes are what they are.
void compare_forms(const Geometry& sform, const Geometry& qform, const nifti_image& image,
                   std::vector<std::string>& warnings, const std::string& name) {
  const double apart_mm = farthest_mm(sform, qform, image);
  const auto& mm = sform.spacing_mm;
  if (image.sform_code != image.qform_code && orientation(sform) == orientation(qform) &&
      std::abs(voxel_mm3(sform) - voxel_mm3(qform)) <= 0.01 * voxel_mm3(sform)) {
    return;  // two spaces, e.g. of the scanner and of an atlas
  }
  if (apart_mm <= 0.5 * std::min({mm[0], mm[1], mm[2]})) return;
  warnings.push_back(
      name + ": its sform (" + describe(sform) + ", code " + std::to_string(image.sform_code) +
      ") and qform (" + describe(qform) + ", code " + std::to_string(image.qform_code) +
      ") contradict each other by up to " + fixed(apart_mm, 1) + " mm; the sform is used");
}

/// The voxel sizes stand in pixdim, too.
void compare_sizes(const Geometry& grid, const nifti_1_header& header, double mm,
                   std::vector<std::string>& warnings, const std::string& name) {
  if (skewness(grid) > 1e-3) return;  // pixdim may hold the distance of slices along their normal
  Geometry told;
  for (size_t c = 0; c < 3; ++c) {
    told.spacing_mm[c] = std::abs(header.pixdim[c + 1] * mm);
    if (!(told.spacing_mm[c] > 0) || !std::isfinite(told.spacing_mm[c])) return;
  }
  for (size_t c = 0; c < 3; ++c) {
    if (std::abs(told.spacing_mm[c] - grid.spacing_mm[c]) <= 0.01 * grid.spacing_mm[c]) continue;
    warnings.push_back(name + ": its sform has voxels of " + sizes_text(grid) +
                       " and pixdim says " + sizes_text(told) + "; the sform is used");
    return;
  }
}

/// niftilib takes NaN for 0 and shortens what is too long for a rotation, both without a word.
bool is_rotation(const nifti_1_header& header) {
  const double b = header.quatern_b, c = header.quatern_c, d = header.quatern_d;
  const bool placed = std::isfinite(header.qoffset_x) && std::isfinite(header.qoffset_y) &&
                      std::isfinite(header.qoffset_z);
  return placed && b * b + c * c + d * d <= 1 + 1e-3;  // false for NaN
}

}  // namespace

Geometry nifti_geometry(const nifti_1_header& header, std::vector<std::string>& warnings,
                        const std::string& name) {
  const NiftiImage image(nifti_convert_nhdr2nim(header, nullptr));
  if (!image) fail(ErrorKind::data, name + ": its header is damaged");
  const double mm = mm_per_unit(*image);
  std::vector<std::string> of_qform;
  const auto qform = image->qform_code > 0 && is_rotation(header)
                         ? sound_grid(grid_of(image->qto_xyz, mm), name, of_qform)
                         : std::nullopt;
  if (image->sform_code > 0) {
    const auto sform = sound_grid(grid_of(image->sto_xyz, mm), name, warnings);
    if (sform) {
      if (qform) compare_forms(*sform, *qform, *image, warnings, name);
      if (!qform) compare_sizes(*sform, header, mm, warnings, name);
      return *sform;
    }
    warnings.push_back(name + ": its sform is no grid and is passed over");
  }
  if (image->qform_code > 0) {
    warnings.insert(warnings.end(), of_qform.begin(), of_qform.end());
    if (qform) return *qform;
    warnings.push_back(name + ": its qform is no grid and is passed over");
  }
  return voxel_sizes_only(header, mm, warnings, name);
}

}  // namespace groundglass
