#pragma once

#include <optional>
#include <string>
#include <vector>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// Adds a warning (which begins with `name`) where an edge of the voxels is shorter than 0.05 mm or
/// longer than 50 mm: the unit or the decimal point is wrong then.
void warn_of_voxel_size(const Geometry& grid, const std::string& name,
                        std::vector<std::string>& warnings);

/// The grid with axes of length one; nothing if its axes span no space or its voxels have no size.
/// Axes that miss the right angle by no more than headers round are put at right angles. Sheared
/// axes (gantry tilt) stay, and `warnings` (which begin with `name`) say so; they tell of voxels of
/// no credible size, too.
std::optional<Geometry> sound_grid(const Geometry& stored, const std::string& name,
                                   std::vector<std::string>& warnings);

}  // namespace groundglass
