#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/io/dicom_slice.h"

namespace groundglass {

/// Why no file in the folder belongs to a CT series: "holds no DICOM image (2 files: ..)", "a
/// localizer (scout view), expected CT slices (1 file: ..)". Empty if one may be a CT slice, or
/// cannot be read, which is said where the series is. Only headers are read, up to the first CT
/// slice; subfolders are not looked at.
std::string why_no_ct_series(const std::filesystem::path& folder);

/// Takes out what other series say beside CT slices: scouts, secondary captures and other
/// modalities that have a SeriesInstanceUID of their own. Nothing is taken out where no CT slice
/// remains.
///
/// warnings  gets one line that names what was taken out.
std::vector<DicomSlice> without_other_series(std::vector<DicomSlice> slices,
                                             const std::filesystem::path& folder,
                                             std::vector<std::string>& warnings);

}  // namespace groundglass
