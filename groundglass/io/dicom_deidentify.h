#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// What becomes of the dates of a study.
enum class StudyDates {
  shift,  ///< earlier by a number of days that is the same for all studies of a patient
  empty,
};

/// Whether somebody has looked for names in the pixels.
enum class PixelCheck { none, by_a_person };

struct DeidentifyOptions {
  std::string key;  ///< the site's secret: pseudonyms, UIDs and shifts follow from it
  StudyDates dates = StudyDates::shift;
  PixelCheck pixels = PixelCheck::none;
};

/// A file without its patient.
struct Deidentified {
  std::filesystem::path file;  ///< <folder>/<patient>/<series>/<instance>.dcm, by the new names
  int64_t removed = 0;         ///< elements that were taken out or emptied
};

/// Writes a CT, CR or DX image without what names the patient (PS3.15, Basic Application Level
/// Confidentiality Profile), by a list of what may stay: about a hundred attributes of the image.
/// Everything else goes: private attributes, overlays, curves, sequences that are not listed,
/// comments and the file's preamble. Attributes that must be there (type 2) become empty; UIDs,
/// also in references, and PatientID are replaced by others that follow from the key, so that the
/// files of a study stay together. Words and numbers that stay are checked for being what they
/// should be.
///
/// Throws Error(data) with the reason: no CT, CR or DX; pixels that may show names (secondary
/// captures, BurnedInAnnotation YES, X-rays that do not say NO) unless somebody has checked them.
Deidentified deidentify_file(const std::filesystem::path& input,
                             const std::filesystem::path& folder, const DeidentifyOptions& options);

}  // namespace groundglass
