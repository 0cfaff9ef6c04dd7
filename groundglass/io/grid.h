#pragma once

#include <optional>
#include <string>
#include <vector>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// The grid with axes of length one; nothing if its axes span no space or its voxels have no size.
/// Axes that miss the right angle by no more than headers round are put at right angles. Sheared
/// axes (gantry tilt) stay, and `warnings` (which begin with `name`) say so.
std::optional<Geometry> sound_grid(const Geometry& stored, const std::string& name,
                                   std::vector<std::string>& warnings);

}  // namespace groundglass
