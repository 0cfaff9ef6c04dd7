#pragma once

#include <string>
#include <utility>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// Two grids in words in which they differ, as describe() where that tells them apart, else with
/// the place of their first voxel, in mm of the patient (LPS), and then with the directions of
/// their axes.
std::pair<std::string, std::string> descriptions_apart(const Geometry& a, const Geometry& b);

}  // namespace groundglass
