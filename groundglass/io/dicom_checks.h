#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "groundglass/io/dicom_slice.h"

namespace groundglass {

/// "3 files: a, b and c", at most five names.
std::string files_text(std::vector<std::string> names);

/// Why an image is none of a CT scan: another modality, a secondary capture, a localizer; or "".
std::string why_other_image(const DicomSlice& slice);

/// What is wrong with a series, said once and completely: one line for each kind of mistake.
class SeriesProblems {
 public:
  void add(const std::string& line) { lines_.push_back(line); }
  /// A kind of mistake and a file that shows it.
  void add(const std::string& kind, const DicomSlice& slice) {
    files_[kind].push_back(slice.path.filename().string());
  }
  /// What is no mistake in itself and may explain one: said after the problems, if there are any.
  void note(const std::string& line) { note_ = line; }
  bool empty() const { return lines_.empty() && files_.empty(); }

  /// Throws Error(data): "<where>: <n> problems" and a line for each. Nothing if none.
  void refuse(const std::filesystem::path& where) const;

 private:
  std::string note_;
  std::vector<std::string> lines_;
  std::map<std::string, std::vector<std::string>> files_;
};

/// False, and a problem that lists them, if there is more than one SeriesInstanceUID.
bool is_one_series(const std::vector<DicomSlice>& slices, SeriesProblems& problems);

/// The slices that are CT slices with everything a grid needs; the others become problems: another
/// modality, secondary captures, localizers, several frames, no position, orientation or spacing.
std::vector<DicomSlice> sound_slices(const std::vector<DicomSlice>& slices,
                                     SeriesProblems& problems);

/// Sizes, pixel spacings and orientations that differ from those of the first (sound) slice.
void check_alike(const std::vector<DicomSlice>& slices, SeriesProblems& problems);

/// Two slices at one height along the normal; `sorted` and `heights_mm` go together.
void check_doubles(const std::vector<DicomSlice>& sorted, const std::vector<double>& heights_mm,
                   SeriesProblems& problems);

/// Distances between neighbours that differ from the median one by more than 10 %: missing slices,
/// named by the positions around them. Heights rise.
void check_gaps(const std::vector<DicomSlice>& sorted, const std::vector<double>& heights_mm,
                SeriesProblems& problems);

}  // namespace groundglass
