#pragma once

#include <memory>

#include "groundglass/io/volume_reader.h"

namespace groundglass {

/// Reads slices of a volume that lies in memory, as open_volume() reads those of a file. The voxels
/// are shared, not copied; they must not change meanwhile.
///
/// name  stands for the path in messages
///
/// Throws Error(data) unless voxels are [D,H,W] with at least one of each, uint8, int16 or float32,
/// on the processor, and as the units say (gray: bytes with white = 255, or float32), and unless
/// spacing is above 0 and the axes are a right-handed or left-handed basis.
std::unique_ptr<VolumeReader> volume_in_memory(Volume volume, const std::string& name = "volume");

}  // namespace groundglass
