#pragma once

#include <cstdint>
#include <vector>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// Lungs and lesions counted in cells: blocks of 4 x 4 voxels of one slice.
struct LungCells {
  int64_t depth = 0, height = 0, width = 0;  ///< in cells
  int64_t voxels_each = 16;
  Geometry grid;           ///< of the cells
  std::vector<bool> lung;  ///< [D,H,W], lungs and lesions together
  /// Cells with lesion and how many voxels of it (1 to voxels_each), in rising order of the index
  /// in [D,H,W].
  std::vector<int64_t> lesion_cells;
  std::vector<uint8_t> lesion_voxels;
  std::vector<float> lesion_hu = {};  ///< mean HU of these voxels; empty if it is not known
};

}  // namespace groundglass
