#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/predict/dicom_outputs.h"

namespace groundglass {

/// The objects of one case of a folder.
struct ResultObjects {
  std::string input;  ///< as summary.json names it
  std::vector<DicomObject> objects;
};

/// Writes the DICOM objects of what predict wrote earlier, out of its masks, summary.json and the
/// source images, and lists them there. No network runs; the same version of the program gives the
/// objects that predict --dicom would have written, but for their date.
///
/// outputs  whose maker is filled in from summary.json.
/// source   where the images of the folder's one DICOM case lie now; empty: where they lay.
/// Throws Error(data) with the reason: no summary.json, no case made of DICOM, images that are
/// missing or are others than those segmented, a mask that is not what the summary says, lungs that
/// were not saved. Cases of other kinds are left out.
std::vector<ResultObjects> write_dicom_of_results(const std::filesystem::path& folder,
                                                  DicomOutputs outputs,
                                                  const std::filesystem::path& source = {});

}  // namespace groundglass
