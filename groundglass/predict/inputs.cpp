#include "groundglass/predict/inputs.h"

#include <algorithm>
#include <map>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_slice.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::string stem_of(const fs::path& path) {
  std::string name = path.generic_string();
  if (ends_with(name, ".gz")) name.resize(name.size() - 3);
  const size_t dot = name.rfind('.'), slash = name.rfind('/');
  const size_t begin = slash == std::string::npos ? 0 : slash + 1;
  return dot == std::string::npos || dot <= begin ? name : name.substr(0, dot);
}

bool is_our_output(const fs::path& path) {
  const std::string stem = stem_of(path.filename());
  const size_t end = stem.find_last_not_of("0123456789");  // "a_probability_2", of class 2
  const std::string without_class = end == std::string::npos ? stem : stem.substr(0, end + 1);
  return ends_with(stem, "_mask") || ends_with(stem, "_overlay") ||
         ends_with(stem, "_probability") || ends_with(without_class, "_probability_") ||
         (ends_with(path.string(), ".dcm") && ends_with(stem, "_sc"));
}

}  // namespace

void check_outputs_differ(const std::vector<PredictInput>& inputs) {
  std::map<std::string, fs::path> taken;
  for (const auto& input : inputs) {
    const auto [found, fresh] = taken.emplace(input.stem, input.path);
    if (!fresh) {
      fail(ErrorKind::data, input.path.string() + " and " + found->second.string() +
                                " would both be written as " + input.stem +
                                "_mask; give their folders one by one");
    }
  }
}

std::vector<PredictInput> find_inputs(const fs::path& input) {
  if (!fs::exists(input)) fail(ErrorKind::data, input.string() + ": no such file or folder");
  if (!fs::is_directory(input)) {
    const bool picture = is_picture_name(input);
    if (!picture && !is_volume_name(input) && !has_dicom_mark(input)) {
      fail(ErrorKind::data, input.string() +
                                ": is no picture (PNG, JPEG, TIFF), volume (NIfTI, NRRD, "
                                "MHA), DICOM file or table");
    }
    return {{input, stem_of(input.filename()), !picture}};
  }
  std::vector<PredictInput> found;
  std::set<fs::path> series;  // folders that hold DICOM files
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(
           input, fs::directory_options::skip_permission_denied, ignored)) {
    const fs::path& path = entry.path();
    if (!entry.is_regular_file() || path.filename().string().front() == '.') continue;
    const std::string stem = stem_of(fs::relative(path, input));
    if (is_picture_name(path)) {
      if (!is_our_output(path)) found.push_back({path, stem, false});
    } else if (is_volume_name(path)) {
      if (!is_our_output(path)) found.push_back({path, stem, true});
    } else if (!series.contains(path.parent_path()) && has_dicom_mark(path) &&
               !is_our_output(path) && dicom_object_kind(path).empty()) {
      series.insert(path.parent_path());
    }
  }
  for (const auto& folder : series) {
    const std::string name = fs::equivalent(folder, input)
                                 ? fs::absolute(folder).lexically_normal().filename().string()
                                 : fs::relative(folder, input).generic_string();
    found.push_back({folder, name.empty() ? "series" : name, true});
  }
  if (found.empty()) {
    fail(ErrorKind::data, input.string() + ": holds no picture, volume or DICOM file");
  }
  std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.stem < b.stem; });
  return found;
}

}  // namespace groundglass
