#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/metrics/lesions.h"
#include "groundglass/metrics/surface_distance.h"

namespace groundglass {

/// How masks are held against each other beyond their pixels.
struct ShapeOptions {
  int64_t smallest_lesion = 1;     ///< pixels or voxels; smaller pieces are no lesions
  double smallest_lesion_mm3 = 0;  ///< the same for volumes, whose voxels have a size
  double lesion_overlap = 0;       ///< share of a lesion to be covered; 0: one pixel will do
  /// Of the surface Dice: what Ma et al. take for infection, https://arxiv.org/abs/2004.12537.
  double tolerance_mm = 3;
  std::vector<double> picture_spacing_mm;  ///< of rows and columns; empty if not known

  /// Throws Error(usage) for values that mean nothing.
  void check() const;
};

/// Lesions and boundary distances of one mask, or of several added up.
struct MaskShapes {
  LesionCounts lesions;
  SurfaceDistances surfaces;
  int64_t masks = 0;
  int64_t with_spacing = 0;  ///< masks whose pixels have a size in mm
  int64_t measured = 0;      ///< those of them with both sides drawn: where distances come from

  MaskShapes& operator+=(const MaskShapes& other);
};

/// Both label maps are [H,W] or [D,H,W]; `spacing_mm` is that of their axes, empty if not known.
MaskShapes measure_shapes(const torch::Tensor& prediction, const torch::Tensor& truth,
                          const std::vector<double>& spacing_mm, const ShapeOptions& options);

/// The scores of it; undefined ones are empty.
struct ShapeRow {
  std::optional<double> lesion_sensitivity, lesion_precision, lesion_f1, false_positives, hd95_mm,
      assd_mm, surface_dice;
};
ShapeRow shape_row(const MaskShapes& shapes, double tolerance_mm);

/// Names of the scores in the order of the tables, and the numbers of a row by name.
const std::vector<std::string>& shape_names();
std::optional<double> shape_score(const ShapeRow& row, const std::string& name);

}  // namespace groundglass
