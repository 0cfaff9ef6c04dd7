#pragma once

#include <filesystem>
#include <optional>

namespace groundglass {

/// The values that a file asks to be shown black and white, in its own units (HU of a CT).
struct OwnWindow {
  double low = 0, high = 0;
};

/// Of a DICOM image the first WindowCenter and WindowWidth, of a NIfTI-1 file cal_min and cal_max.
/// Nothing where the file names no window, where it is none (high not above low), and for files of
/// other kinds or that cannot be read.
std::optional<OwnWindow> read_own_window(const std::filesystem::path& file);

}  // namespace groundglass
