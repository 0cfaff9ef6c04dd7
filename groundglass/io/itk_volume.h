#pragma once

#include <filesystem>
#include <memory>

#include "groundglass/io/volume_reader.h"

namespace groundglass {

/// Opens an NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file through ITK. The whole volume is
/// read at once and held in the type it is stored in; slices become tensors one by one.
/// info().units is left open.
///
/// NRRD spaces are turned into left-posterior-superior; a file without a space is taken as such,
/// with a warning. MetaImage is left-posterior-superior by ITK's convention, whatever its
/// AnatomicalOrientation says. Axes that are not at right angles are replaced by the nearest that
/// are, with a warning.
///
/// throws Error(data) with path and reason: truncated, damaged, not three axes, several components.
std::unique_ptr<VolumeReader> open_itk_volume(const std::filesystem::path& path);

}  // namespace groundglass
