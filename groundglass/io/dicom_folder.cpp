#include "groundglass/io/dicom_folder.h"

#include <algorithm>
#include <map>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_checks.h"
#include "groundglass/io/dicom_kind.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// File names by what is said of them, as "reason (2 files: a and b)".
std::string reasons_text(const std::map<std::string, std::vector<std::string>>& names) {
  std::vector<std::string> words;
  for (const auto& [reason, files] : names)
    words.push_back(reason + " (" + files_text(files) + ")");
  return joined(words, "; ");
}

}  // namespace

std::string why_no_ct_series(const fs::path& folder) {
  std::map<std::string, std::vector<std::string>> names;
  for (const auto& file : files_of_folder(folder).files) {
    try {
      if (!has_dicom_mark(file)) continue;
      const bool contents = lower(file.filename().string()) == "dicomdir";  // of a CD
      const auto slice = contents ? std::nullopt : read_dicom_header(file);
      const std::string why = slice      ? why_other_image(*slice)
                              : contents ? std::string("no DICOM image to segment")
                                         : dicom_kind_words(file) + ", no DICOM image to segment";
      if (why.empty()) return "";
      names[why].push_back(file.filename().string());
    } catch (const Error&) {
      return "";
    }
  }
  return reasons_text(names);
}

std::vector<DicomSlice> without_other_series(std::vector<DicomSlice> slices, const fs::path& folder,
                                             std::vector<std::string>& warnings) {
  std::set<std::string> ct;
  for (const auto& s : slices) {
    if (why_other_image(s).empty()) ct.insert(s.series_uid);
  }
  std::map<std::string, std::vector<std::string>> names;
  const auto other = [&](const DicomSlice& s) {
    const std::string why = why_other_image(s);
    if (ct.empty() || why.empty() || ct.count(s.series_uid) > 0) return false;
    names[why].push_back(s.path.filename().string());
    return true;
  };
  slices.erase(std::remove_if(slices.begin(), slices.end(), other), slices.end());
  if (!names.empty()) {
    warnings.push_back(folder.string() +
                       ": skipped what is of another series: " + reasons_text(names));
  }
  return slices;
}

}  // namespace groundglass
