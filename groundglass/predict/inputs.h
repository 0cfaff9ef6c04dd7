#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// One thing to segment, and the stem of what is written for it.
struct PredictInput {
  std::filesystem::path path;  ///< a picture, a volume file, or a folder with a DICOM series
  std::string stem;            ///< relative to the output folder: "coronacases/001/z000"
  bool volume = false;
};

/// True for files that DICOM's marker at byte 128 or a .dcm name gives away.
bool is_dicom_file(const std::filesystem::path& path);

/// Finds what there is to segment in a picture, a volume, a DICOM file or folder, or a folder of
/// any of these (searched through; the relative paths are kept). Our own outputs (names that end in
/// _mask, _overlay or _probability) are left out.
/// Throws Error(data) if there is nothing, or two inputs would write the same output.
std::vector<PredictInput> find_inputs(const std::filesystem::path& input);

}  // namespace groundglass
