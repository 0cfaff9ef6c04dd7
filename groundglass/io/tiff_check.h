#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// Unpacks every strip or tile of a TIFF file and says why one cannot be, or "". OpenCV fills what
/// it cannot unpack and goes on. libtiff's own words are not shown.
std::string tiff_damage(const std::filesystem::path& path);

}  // namespace groundglass
