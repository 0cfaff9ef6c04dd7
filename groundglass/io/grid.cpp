#include "groundglass/io/grid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// Half a millimetre over the width of a chest; rounding in headers stays far below.
constexpr double kSkewWorthSaying = 1e-3;
/// Volume of the cell that the unit axes span: 1 at right angles, 0 in one plane.
constexpr double kLeastCell = 0.1;
/// Edges of voxels outside these are slips of units or of a decimal point.
constexpr double kLeastVoxel_mm = 0.05, kMostVoxel_mm = 50;

double cell(const std::array<double, 9>& d) {
  const double det = d[0] * (d[4] * d[8] - d[5] * d[7]) - d[1] * (d[3] * d[8] - d[5] * d[6]) +
                     d[2] * (d[3] * d[7] - d[4] * d[6]);
  double lengths = 1;
  for (size_t c = 0; c < 3; ++c) lengths *= std::hypot(d[c], d[3 + c], d[6 + c]);
  return std::abs(det) / lengths;
}

}  // namespace

void warn_of_voxel_size(const Geometry& grid, const std::string& name,
                        std::vector<std::string>& warnings) {
  const auto& mm = grid.spacing_mm;
  if (std::all_of(mm.begin(), mm.end(),
                  [](double edge) { return edge >= kLeastVoxel_mm && edge <= kMostVoxel_mm; })) {
    return;
  }
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.4g x %.4g x %.4g mm", mm[0], mm[1], mm[2]);
  warnings.push_back(name + ": its voxels measure " + text.data() +
                     ", unlike those of any chest CT; every millilitre follows from them, so look "
                     "whether the file's unit of length is right");
}

std::optional<Geometry> sound_grid(const Geometry& stored, const std::string& name,
                                   std::vector<std::string>& warnings) {
  const bool sized = std::all_of(stored.spacing_mm.begin(), stored.spacing_mm.end(),
                                 [](double mm) { return mm > 0 && std::isfinite(mm); });
  const bool placed = std::all_of(stored.origin_mm.begin(), stored.origin_mm.end(),
                                  [](double mm) { return std::isfinite(mm); });
  if (!sized || !placed || !(cell(stored.direction) > kLeastCell)) return std::nullopt;
  warn_of_voxel_size(stored, name, warnings);
  const double skew = skewness(stored);
  if (!(skew > kSkewWorthSaying)) return orthonormalised(stored);
  warnings.push_back(
      name + ": its axes are not at right angles (cosine " + fixed(skew, 3) +
      "), as with a tilted gantry; the mask keeps this grid, and slices are segmented as "
      "they are stored");
  Geometry kept = stored;
  for (size_t c = 0; c < 3; ++c) {
    const double length =
        std::hypot(kept.direction[c], kept.direction[3 + c], kept.direction[6 + c]);
    for (size_t row = 0; row < 3; ++row) kept.direction[3 * row + c] /= length;
  }
  return kept;
}

}  // namespace groundglass
