#include "groundglass/pacs/series_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <tuple>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Degrees between the normal of the slices and the patient's axis; -1 without an orientation.
double tilt_of(DcmItem& item) {
  std::array<double, 6> c{};
  for (unsigned long i = 0; i < c.size(); ++i) {
    Float64 value = 0;
    if (item.findAndGetFloat64(DCM_ImageOrientationPatient, value, i).bad()) return -1;
    c[i] = value;
  }
  const double z = std::abs(c[0] * c[4] - c[1] * c[3]);
  return std::acos(std::min(1.0, z)) * 180 / std::numbers::pi;
}

size_t kernel_rank(const std::string& kernel, const SeriesRule& rule) {
  for (size_t i = 0; i < rule.soft_kernels.size(); ++i) {
    if (lower(kernel).rfind(lower(rule.soft_kernels[i]), 0) == 0) return i;
  }
  return rule.soft_kernels.size();
}

}  // namespace

bool is_projection(const std::string& modality) {
  return modality == "CR" || modality == "DX";
}

SeriesFacts series_facts(const fs::path& folder, const std::string& uid) {
  prepare_dicom_library();
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  if (files.empty()) fail(ErrorKind::data, folder.string() + ": holds no image of the series");
  const fs::path& first = *std::min_element(files.begin(), files.end());
  DcmFileFormat file;
  const OFCondition read = file.loadFileUntilTag(first.c_str(), EXS_Unknown, EGL_noChange,
                                                 DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
  if (read.bad()) refuse(first, std::string("cannot be read (") + read.text() + ")");
  DcmDataset& data = *file.getDataset();
  SeriesFacts facts;
  facts.uid = uid;
  facts.modality = text_of(data, DCM_Modality);
  facts.image_type = all_text_of(data, DCM_ImageType);
  facts.kernel = text_of(data, DCM_ConvolutionKernel);
  facts.images = static_cast<int64_t>(files.size());
  facts.thickness_mm = std::atof(text_of(data, DCM_SliceThickness).c_str());
  facts.tilt_degrees = tilt_of(data);
  return facts;
}

std::string why_not_chosen(const SeriesFacts& facts, const SeriesRule& rule) {
  if (std::find(rule.modalities.begin(), rule.modalities.end(), facts.modality) ==
      rule.modalities.end()) {
    return "modality " + in_quotes(facts.modality) + ", expected " + listed(rule.modalities);
  }
  for (const auto& word : split_text(facts.image_type, '\\')) {
    if (std::find(rule.refuse.begin(), rule.refuse.end(), word) != rule.refuse.end()) {
      return "ImageType holds " + word;
    }
  }
  if (is_projection(facts.modality)) return "";
  if (facts.images < rule.min_images) {
    return std::to_string(facts.images) + " images, expected " + std::to_string(rule.min_images) +
           " or more";
  }
  if (facts.thickness_mm > rule.max_thickness_mm) {
    return "slices of " + shortest(facts.thickness_mm) + " mm, expected " +
           shortest(rule.max_thickness_mm) + " or less";
  }
  if (facts.tilt_degrees < 0) return "no ImageOrientationPatient";
  if (facts.tilt_degrees > rule.max_tilt_degrees) {
    return "slices " + fixed(facts.tilt_degrees, 0) + " degrees from axial, expected " +
           shortest(rule.max_tilt_degrees) + " or less";
  }
  return "";
}

int64_t best_series(const std::vector<SeriesFacts>& series, const SeriesRule& rule) {
  int64_t best = -1;
  const auto rank = [&](const SeriesFacts& f) {
    // A series that does not tell how thick it is comes last.
    const double thickness = f.thickness_mm > 0 ? f.thickness_mm : rule.max_thickness_mm + 1;
    return std::tuple(std::lround(thickness * 10), kernel_rank(f.kernel, rule), -f.images, f.uid);
  };
  for (size_t i = 0; i < series.size(); ++i) {
    if (is_projection(series[i].modality) || !why_not_chosen(series[i], rule).empty()) continue;
    if (best < 0 || rank(series[i]) < rank(series[static_cast<size_t>(best)])) {
      best = static_cast<int64_t>(i);
    }
  }
  return best;
}

std::vector<size_t> chosen_series(const std::vector<SeriesFacts>& series, const SeriesRule& rule) {
  const int64_t best = best_series(series, rule);
  std::vector<size_t> chosen;
  for (size_t i = 0; i < series.size(); ++i) {
    const bool xray = is_projection(series[i].modality) && why_not_chosen(series[i], rule).empty();
    if (xray || static_cast<int64_t>(i) == best) chosen.push_back(i);
  }
  return chosen;
}

}  // namespace groundglass
