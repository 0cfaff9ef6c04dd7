#include "groundglass/evaluate/mask_shapes.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

struct NamedShape {
  const char* name;
  std::optional<double> ShapeRow::*value;
};
const NamedShape kShapes[] = {
    {"lesion_sensitivity", &ShapeRow::lesion_sensitivity},
    {"lesion_precision", &ShapeRow::lesion_precision},
    {"lesion_f1", &ShapeRow::lesion_f1},
    {"false_positives", &ShapeRow::false_positives},
    {"hd95_mm", &ShapeRow::hd95_mm},
    {"assd_mm", &ShapeRow::assd_mm},
    {"surface_dice", &ShapeRow::surface_dice},
};

/// In voxels, of which one takes up the product of the spacing.
int64_t smallest_of(const ShapeOptions& options, const std::vector<double>& spacing_mm) {
  if (spacing_mm.size() != 3) return options.smallest_lesion;
  const double voxel_mm3 = spacing_mm[0] * spacing_mm[1] * spacing_mm[2];
  const double needed = std::ceil(options.smallest_lesion_mm3 / voxel_mm3 - 1e-6);
  return std::max(options.smallest_lesion, static_cast<int64_t>(needed));
}

}  // namespace

void ShapeOptions::check() const {
  const auto refuse = [](const std::string& what, double found, const char* expected) {
    fail(ErrorKind::usage, what + " is " + shortest(found) + ", expected " + expected);
  };
  const auto from_zero = [](double value) { return std::isfinite(value) && value >= 0; };
  if (smallest_lesion < 1) {
    refuse("the smallest lesion", static_cast<double>(smallest_lesion), "1 pixel or more");
  }
  if (!from_zero(smallest_lesion_mm3)) {
    refuse("the smallest lesion in mm3", smallest_lesion_mm3, "0 or more");
  }
  if (!from_zero(lesion_overlap) || lesion_overlap > 1) {
    refuse("the share of a lesion to be covered", lesion_overlap, "0 to 1");
  }
  if (!from_zero(tolerance_mm)) refuse("the tolerance in mm", tolerance_mm, "0 or more");
  if (!picture_spacing_mm.empty() && picture_spacing_mm.size() != 2) {
    refuse("the count of spacings of a picture", static_cast<double>(picture_spacing_mm.size()),
           "2: rows and columns");
  }
  for (const double mm : picture_spacing_mm) {
    if (!from_zero(mm) || mm == 0) refuse("a spacing in mm", mm, "a positive number");
  }
}

MaskShapes& MaskShapes::operator+=(const MaskShapes& other) {
  lesions += other.lesions;
  surfaces += other.surfaces;
  masks += other.masks;
  with_spacing += other.with_spacing;
  measured += other.measured;
  return *this;
}

MaskShapes measure_shapes(const torch::Tensor& prediction, const torch::Tensor& truth,
                          const std::vector<double>& spacing_mm, const ShapeOptions& options) {
  MaskShapes shapes;
  shapes.masks = 1;
  shapes.lesions =
      count_lesions(prediction, truth, {smallest_of(options, spacing_mm), options.lesion_overlap});
  if (spacing_mm.empty()) return shapes;
  shapes.surfaces = surface_distances(prediction, truth, spacing_mm);
  shapes.with_spacing = 1;
  shapes.measured = hausdorff95_mm(shapes.surfaces).has_value();
  return shapes;
}

ShapeRow shape_row(const MaskShapes& shapes, double tolerance_mm) {
  ShapeRow row;
  row.lesion_sensitivity = lesion_sensitivity(shapes.lesions);
  row.lesion_precision = lesion_precision(shapes.lesions);
  row.lesion_f1 = lesion_f1(shapes.lesions);
  row.false_positives = static_cast<double>(shapes.lesions.false_positives);
  row.hd95_mm = hausdorff95_mm(shapes.surfaces);
  row.assd_mm = average_surface_distance_mm(shapes.surfaces);
  row.surface_dice = surface_dice(shapes.surfaces, tolerance_mm);
  return row;
}

const std::vector<std::string>& shape_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const auto& s : kShapes) list.emplace_back(s.name);
    return list;
  }();
  return names;
}

std::optional<double> shape_score(const ShapeRow& row, const std::string& name) {
  for (const auto& s : kShapes) {
    if (name == s.name) return row.*s.value;
  }
  return std::nullopt;
}

}  // namespace groundglass
