#pragma once

#include <string>
#include <vector>

#include "groundglass/evaluate/shape_table.h"

namespace groundglass {

/// An evaluation as a terminal shows it: pixel scores of each domain, lesions and distances, and
/// the pixel scores of each class where classes were counted. Lines of aligned columns; undefined
/// numbers are "-".
std::string evaluation_text(const std::vector<ScoredItem>& items, const ShapeOptions& shapes);

/// A line for each case: its names, pixel scores, lesions and distances, then the pixel scores of
/// each class. Undefined numbers are empty cells. All items need shapes.
std::string cases_csv(const std::vector<ScoredItem>& items, double tolerance_mm);

}  // namespace groundglass
