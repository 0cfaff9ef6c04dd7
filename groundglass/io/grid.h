#pragma once

#include <optional>
#include <string>
#include <vector>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// The grid with axes of length one at right angles; nothing if its axes span no space or its
/// voxels have no size. Says so in `warnings` (which begin with `name`) if the axes were clearly
/// not at right angles before.
std::optional<Geometry> right_angled(const Geometry& stored, const std::string& name,
                                     std::vector<std::string>& warnings);

}  // namespace groundglass
