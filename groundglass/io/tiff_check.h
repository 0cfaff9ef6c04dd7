#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// Why a TIFF file is no single picture that OpenCV reads as it is meant, or "": several pages,
/// numbers of an unknown kind, or a strip or tile that cannot be unpacked (OpenCV fills it and goes
/// on). libtiff's own words are not shown.
std::string tiff_damage(const std::filesystem::path& path);

}  // namespace groundglass
