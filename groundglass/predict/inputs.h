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

/// Finds what there is to segment in a picture, a volume, a DICOM file or folder, or a folder of
/// any of these (searched through; the relative paths are kept). Our own outputs (names that end in
/// _mask, _overlay, _probability or _probability_2, of class 2) are left out, and so are folders
/// whose DICOM files are segmentations, reports and documents alone.
/// Throws Error(data) if there is nothing.
std::vector<PredictInput> find_inputs(const std::filesystem::path& input);

/// Throws Error(data) if two inputs would write the same output.
void check_outputs_differ(const std::vector<PredictInput>& inputs);

}  // namespace groundglass
