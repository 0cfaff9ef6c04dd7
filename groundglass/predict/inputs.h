#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/events.h"

namespace groundglass {

/// One thing to segment, and the stem of what is written for it.
struct PredictInput {
  std::filesystem::path path;  ///< a picture, a volume file, or a folder with a DICOM series
  std::string stem;            ///< relative to the output folder: "coronacases/001/z000"
  bool volume = false;
};

/// What lies in a folder and is not segmented.
struct LeftOut {
  std::filesystem::path path;
  std::string why;
};

struct FoundInputs {
  std::vector<PredictInput> inputs;  ///< by stem
  std::vector<LeftOut> left_out;
};

/// Finds what there is to segment in a picture, a volume, a DICOM file or folder, or a folder of
/// any of these. A folder is searched through, also behind symbolic links, and the relative paths
/// are kept. Left out are what looks like one of our own outputs (names that end in _mask,
/// _overlay, _probability, _gradcam, ..), DICOM folders without CT slices (a scout, a dose report,
/// a DICOMDIR, segmentations and documents), files of other kinds, and what cannot be looked into.
/// Throws Error(data) if there is nothing to segment, with what was left out.
FoundInputs find_inputs(const std::filesystem::path& input);

/// Says what was left out, one line for each reason.
void tell_left_out(const std::vector<LeftOut>& left_out, Observer& observer);

/// Which file names are one.
enum class FileNames {
  with_case,     ///< "A.png" and "a.png" are two files
  without_case,  ///< and here one, as on FAT and on shares of Windows
};

/// What the file system of a folder does; of one that is not made yet, the folder it will be in.
/// With case where nothing can be written.
FileNames file_names_in(const std::filesystem::path& folder);

/// Throws Error(data) if two inputs would write the same output, which is named stem + `ending`.
void check_outputs_differ(const std::vector<PredictInput>& inputs,
                          const std::string& ending = "_mask",
                          FileNames names = FileNames::with_case);

}  // namespace groundglass
