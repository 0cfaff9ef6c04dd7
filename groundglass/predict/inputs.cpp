#include "groundglass/predict/inputs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_folder.h"
#include "groundglass/io/dicom_slice.h"
#include "groundglass/io/dicom_xray.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kOurs =
    "looks like an output of GroundGlass by its name; name the file itself to segment it";
constexpr const char* kOtherFile = "no picture, volume or DICOM file";
constexpr size_t kMostNames = 5;

std::string stem_of(const fs::path& path) {
  std::string name = path.generic_string();
  if (ends_with(name, ".gz")) name.resize(name.size() - 3);
  const size_t dot = name.rfind('.'), slash = name.rfind('/');
  const size_t begin = slash == std::string::npos ? 0 : slash + 1;
  return dot == std::string::npos || dot <= begin ? name : name.substr(0, dot);
}

bool is_half_of_pair(const fs::path& path) {
  return ends_with(path.string(), ".hdr") || ends_with(path.string(), ".img");
}

bool is_our_output(const fs::path& path) {
  const std::string stem = stem_of(path.filename());
  const size_t end = stem.find_last_not_of("0123456789");  // "a_probability_2", of class 2
  const std::string without_class = end == std::string::npos ? stem : stem.substr(0, end + 1);
  constexpr std::array<const char*, 10> kEndings = {
      "_mask",       "_overlay", "_probability", "_gradcam", "_heat",
      "_activation", "_panels",  "_map",         "_lungs",   "_lobes"};
  if (ends_with(path.string(), ".dcm"))
    return ends_with(stem, "_sc") || ends_with(without_class, "_sc_");  // others say what they are
  return ends_with(without_class, "_probability_") ||
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](const char* ending) { return ends_with(stem, ending); });
}

/// "<path>: <why>" apart again.
LeftOut parted(const std::string& line, const fs::path& folder) {
  const size_t at = line.find(": ", folder.string().size());
  return {line.substr(0, at), line.substr(at + 2)};
}

/// "a, b and c", or five names and how many more.
std::string some_names(const std::vector<std::string>& names) {
  if (names.size() <= kMostNames) return listed(names);
  const std::vector<std::string> first(names.begin(), names.begin() + kMostNames);
  return joined(first, ", ") + " and " + std::to_string(names.size() - kMostNames) + " more";
}

/// One line for each reason, by reason.
std::map<std::string, std::string> lines_by_reason(const std::vector<LeftOut>& left_out) {
  std::map<std::string, std::vector<std::string>> paths;
  for (const auto& left : left_out) paths[left.why].push_back(left.path.string());
  std::map<std::string, std::string> lines;
  for (const auto& [why, names] : paths)
    lines[why] = some_names(names) + ": left out (" + why + ")";
  return lines;
}

class Search {
 public:
  explicit Search(const fs::path& input) : input_(input) {
    const FolderWalk walk = walk_folder(input);
    for (const auto& line : walk.left_out) found_.left_out.push_back(parted(line, input));
    for (const auto& file : walk.files) look_at(file);
    for (const auto& folder : dicom_) add_series(folder);
    if (found_.inputs.empty()) refuse_empty();
    leave_out_others();
    std::sort(found_.inputs.begin(), found_.inputs.end(),
              [](auto& a, auto& b) { return a.stem < b.stem; });
  }

  FoundInputs found() && { return std::move(found_); }

 private:
  void look_at(const fs::path& file) {
    const bool picture = is_picture_name(file);
    if (picture || is_volume_name(file)) {
      if (is_our_output(file)) {
        found_.left_out.push_back({file, kOurs});
      } else {
        found_.inputs.push_back({file, stem_of(file.lexically_relative(input_)), !picture});
      }
    } else if (has_dicom_mark(file)) {
      if (is_our_output(file)) {
        found_.left_out.push_back({file, kOurs});
      } else {
        dicom_.insert(file.parent_path());
      }
    } else {
      const bool readable = access(file.c_str(), R_OK) == 0;
      others_.push_back({file, readable
                                   ? std::string(kOtherFile)
                                   : "cannot be read (" + std::string(std::strerror(errno)) + ")"});
    }
  }

  void add_series(const fs::path& folder) {
    const std::string why = why_no_ct_series(folder);
    if (!why.empty() && add_xrays(folder)) return;
    const fs::path inside = folder.lexically_relative(input_);
    const bool whole = inside.empty() || inside == ".";
    if (!why.empty()) {
      found_.left_out.push_back({folder, why});
    } else {
      const std::string name = whole ? folder_name(input_) : inside.generic_string();
      found_.inputs.push_back({folder, name.empty() ? "series" : name, true});
      series_.insert(folder);
    }
  }

  /// Chest X-rays in a folder without a CT series are pictures, each by itself.
  bool add_xrays(const fs::path& folder) {
    bool any = false;
    std::vector<fs::path> others;
    for (const auto& file : files_of_folder(folder).files) {
      if (is_picture_name(file) || is_volume_name(file) || !has_dicom_mark(file)) continue;
      if (is_our_output(file)) continue;
      if (is_dicom_xray(file)) {
        found_.inputs.push_back({file, stem_of(file.lexically_relative(input_)), false});
        any = true;
      } else {
        others.push_back(file);
      }
    }
    if (!any) return false;
    for (const auto& file : others) found_.left_out.push_back({file, "no chest X-ray (CR, DX)"});
    return true;
  }

  [[noreturn]] void refuse_empty() const {
    std::string text = input_.string() + ": holds no picture, volume or DICOM series of CT slices";
    for (const auto& [why, line] : lines_by_reason(found_.left_out)) text += "\n  " + line;
    fail(ErrorKind::data, text);
  }

  /// Files of other kinds beside the slices of a series are told by who reads the series.
  void leave_out_others() {
    for (auto& other : others_) {
      if (series_.count(other.path.parent_path()) == 0) found_.left_out.push_back(std::move(other));
    }
  }

  fs::path input_;
  FoundInputs found_;
  std::vector<LeftOut> others_;
  std::set<fs::path> dicom_, series_;  // folders
};

}  // namespace

FileNames file_names_in(const fs::path& folder) {
  std::error_code code;
  fs::path there = fs::absolute(folder, code);
  while (!fs::is_directory(there, code) && there.has_relative_path()) there = there.parent_path();
  std::string probe = (there / ".tmp-case-XXXXXX").string();
  const int handle = mkstemp(probe.data());
  if (handle < 0) return FileNames::with_case;
  close(handle);
  const bool one = fs::exists(there / (".TMP-CASE-" + probe.substr(probe.size() - 6)), code);
  fs::remove(probe, code);
  return one ? FileNames::without_case : FileNames::with_case;
}

void check_outputs_differ(const std::vector<PredictInput>& inputs, const std::string& ending,
                          FileNames names) {
  std::map<std::string, fs::path> taken;
  for (const auto& input : inputs) {
    const std::string stem = names == FileNames::with_case ? input.stem : lower(input.stem);
    const auto [found, fresh] = taken.emplace(stem, input.path);
    if (!fresh) {
      fail(ErrorKind::data, input.path.string() + " and " + found->second.string() +
                                " would both be written as " + input.stem + ending +
                                (names == FileNames::with_case
                                     ? "; give their folders one by one"
                                     : ", since the output's file system does not tell capitals "
                                       "apart; write to another one"));
    }
  }
}

FoundInputs find_inputs(const fs::path& input) {
  if (!fs::exists(input)) fail(ErrorKind::data, input.string() + ": no such file or folder");
  if (fs::is_directory(input)) return Search(input).found();
  if (is_half_of_pair(input)) {
    fail(ErrorKind::data, input.string() +
                              ": is one half of a .hdr/.img pair (Analyze, NIfTI), expected one "
                              ".nii or .nii.gz file; convert it, e.g. with nifti_tool");
  }
  const bool picture = is_picture_name(input) || (!is_volume_name(input) && is_dicom_xray(input));
  if (!picture && !is_volume_name(input) && !has_dicom_mark(input)) {
    fail(ErrorKind::data, input.string() +
                              ": is no picture (PNG, JPEG, TIFF), volume (NIfTI, NRRD, "
                              "MHA), DICOM file or table");
  }
  return {{{input, stem_of(input.filename()), !picture}}, {}};
}

void tell_left_out(const std::vector<LeftOut>& left_out, Observer& observer) {
  for (const auto& [why, line] : lines_by_reason(left_out)) {
    if (why == kOtherFile) {
      observer.on(Note{line});
    } else {
      observer.on(Warning{line});
    }
  }
}

}  // namespace groundglass
