#include "groundglass/predict/compared_study.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_made_by.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/predict/xray_severity.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr const char* kZonesScore = "Severity of six lung zones, 0 to 24";  ///< as reports name it
constexpr size_t kWeightDigits = 16;  ///< as DICOM objects tell them

std::optional<double> number_of(const ordered_json& found, const char* key) {
  const auto at = found.find(key);
  return at != found.end() && at->is_number() ? std::optional(at->get<double>()) : std::nullopt;
}

std::string word_of(const ordered_json& found, const char* key) {
  const auto at = found.find(key);
  return at != found.end() && at->is_string() ? at->get<std::string>() : "";
}

/// The one volume in HU of a result folder or, where it has none, the one chest X-ray.
ordered_json image_of(const ordered_json& document, const fs::path& path) {
  std::vector<ordered_json> volumes, xrays;
  if (document.is_object()) {
    for (const auto& one : document.value("cases", ordered_json::array())) {
      const auto image = compared_image(one);
      if (image) (*image == ComparedImage::ct ? volumes : xrays).push_back(one);
    }
  }
  if (volumes.size() == 1) return volumes.front();
  if (volumes.empty() && xrays.size() == 1) return xrays.front();
  fail(ErrorKind::data,
       path.string() + ": holds " + std::to_string(volumes.size()) + " volumes in HU" +
           (xrays.empty() ? "" : " and " + std::to_string(xrays.size()) + " chest X-rays") +
           ", expected one to compare");
}

/// The score of zones or lobes, if there is one, and percent of each region that is infected.
std::optional<double> take_severity(const ordered_json& found, const char* key,
                                    std::vector<std::pair<std::string, double>>& percent) {
  const auto severity = found.find(key);
  if (severity == found.end() || severity->is_null()) return std::nullopt;
  const auto score = number_of(*severity, "score");
  if (!score) return score;
  for (const auto& r : severity->at("regions")) {
    const auto voxels = r.at("voxels").get<double>();
    if (voxels <= 0) continue;
    percent.emplace_back(r.at("region"), 100 * r.at("infected_voxels").get<double>() / voxels);
  }
  return score;
}

/// What an X-ray tells in place of ml.
void take_areas(const ordered_json& found, ComparedStudy& study) {
  study.image = ComparedImage::xray;
  study.lesion_cm2 = number_of(found, "lesion_cm2");
  if (const auto made = found.find("acquisition"); made != found.end()) {
    study.acquisition.pixel_mm2 = number_of(*made, "pixel_mm2");
    study.acquisition.pixel_from = word_of(*made, "pixel_from");
  }
  const auto severity = found.find("severity");
  if (severity == found.end() || !severity->is_object()) {
    study.no_score = "nobody said where they are";
    return;
  }
  study.no_score = word_of(*severity, "reason");
  if (!study.share_percent || !study.acquisition.pixel_mm2) return;
  double pixels = 0;
  for (const auto& region : severity->at("regions")) pixels += region.at("voxels").get<double>();
  study.lung_cm2 = pixels * *study.acquisition.pixel_mm2 / 100;
}

ComparedStudy of_folder(const fs::path& folder) {
  const fs::path path = folder / "summary.json";
  if (!fs::is_regular_file(path)) {
    fail(ErrorKind::data, folder.string() +
                              ": holds no summary.json, expected an output folder of predict, a "
                              "structured report or a segmentation");
  }
  const auto document = ordered_json::parse(read_file(path), nullptr, false);
  const ordered_json found = image_of(document, path);
  ComparedStudy study = compared_study_of(document, found);
  study.path = folder;
  for (const auto& object : found.value("dicom_objects", ordered_json::array())) {
    const fs::path file = folder / object.value("file", "");
    if (!study.patient && fs::is_regular_file(file)) study.patient = read_study_of_patient(file);
  }
  return study;
}

/// What all DICOM objects say of themselves.
ComparedStudy of_object(const fs::path& file) {
  ComparedStudy study{file, file.string()};
  study.patient = read_study_of_patient(file);
  const DicomMadeBy made = read_dicom_made_by(file);
  study.weights = made.serial;
  study.version = made.software.substr(0, made.software.find(' '));
  study.acquisition.manufacturer = made.scanner;
  return study;
}

/// "Upper zone of lung, Right" as summaries call it, "right upper"; "" for another place.
std::string region_of(const std::string& site) {
  const auto words = split_text(lower(site), ' ');
  if (words.size() != 5 || words[1] != "zone") return "";
  return words[4] + " " + words[0];
}

/// What stands behind "name: " in a remark.
std::string after(const std::string& remark, const std::string& name) {
  return remark.starts_with(name + ": ") ? remark.substr(name.size() + 2) : "";
}

/// Who found the lungs, out of the sentence that reports say it in.
std::string lungs_of(const std::string& sentence) {
  if (sentence.find("threshold of -320 HU") != std::string::npos) return "threshold";
  const std::string begin = "The lungs are those of ";
  const size_t end = sentence.find(", without");
  if (!sentence.starts_with(begin) || end == std::string::npos) return sentence;
  return sentence.substr(begin.size(), end - begin.size());
}

double ml_of(const StoredQuantity& volume, const fs::path& file) {
  if (volume.unit == "ml" || volume.unit == "mL" || volume.unit == "cm3") return volume.value;
  if (volume.unit == "mm3") return volume.value / 1000;
  fail(ErrorKind::data, file.string() + ": gives a volume in " + in_quotes(volume.unit) +
                            ", expected ml, cm3 or mm3");
}

ComparedStudy of_report(const fs::path& file) {
  const StoredReport report = read_dicom_report(file);
  ComparedStudy study = of_object(file);
  bool any = false;
  for (const auto& q : report.quantities) {
    const std::string region = region_of(q.site);
    if (q.name == "Volume") {
      study.lesion_ml += ml_of(q, file);
      any = true;
    } else if (q.name == "Lung volume") {
      study.lung_ml = q.value;
    } else if (q.name == "Share of the lungs that is infected" && q.site.empty()) {
      study.share_percent = q.value;
    } else if (q.name == "Share of the lungs that is infected" && !region.empty()) {
      study.region_percent.emplace_back(region, q.value);
    } else if (q.name == kZonesScore && q.site.empty()) {
      study.score = q.value;
    }
  }
  if (!any) {
    fail(ErrorKind::data, file.string() +
                              ": says no volume, expected a report with the volume of lesions in "
                              "ml to compare");
  }
  for (const auto& remark : report.remarks) {
    const auto spacing = after(remark, "Distance of the slices in mm");
    if (!spacing.empty()) study.acquisition.slice_spacing_mm = std::atof(spacing.c_str());
    const auto kernel = after(remark, "Convolution kernel of the source");
    if (!kernel.empty()) study.acquisition.kernel = kernel;
    const auto lungs = after(remark, "Where the lungs come from");
    if (!lungs.empty() && study.lung_ml) study.lungs = lungs_of(lungs);
    if (!after(remark, "Warning").empty()) ++study.warnings;
  }
  return study;
}

ComparedStudy of_segmentation(const fs::path& file) {
  const StoredSegmentation s = read_dicom_segmentation(file);
  if (s.of_picture || !(s.slice_distance_mm > 0)) {
    fail(ErrorKind::data, file.string() +
                              ": says no distance of slices, expected the segmentation "
                              "of a volume to compare");
  }
  constexpr const char* kLung = "39607008";
  for (const auto& segment : s.segments) {
    if (segment.type.rfind(kLung, 0) != 0) continue;
    fail(ErrorKind::data, file.string() + ": holds the segment " + in_quotes(segment.label) +
                              " of a lung, expected lesions to compare");
  }
  ComparedStudy study = of_object(file);
  std::array<int64_t, 3> shape{};
  const Geometry grid = grid_of_frames(s, shape);
  const auto labels = labels_on_grid(s, grid, shape, Overlap::any);
  const auto voxels =
      labels.size() - static_cast<size_t>(std::count(labels.begin(), labels.end(), 0));
  study.lesion_ml =
      static_cast<double>(voxels) * s.spacing_mm[0] * s.spacing_mm[1] * s.slice_distance_mm / 1000;
  study.acquisition.slice_spacing_mm = s.slice_distance_mm;
  return study;
}

}  // namespace

std::optional<ComparedImage> compared_image(const ordered_json& found) {
  if (number_of(found, "lesion_ml")) return ComparedImage::ct;
  const auto severity = found.find("severity"), made = found.find("acquisition");
  const bool picture = found.value("size", ordered_json::array()).size() == 2;
  const bool lungs = severity != found.end() && severity->is_object() &&
                     word_of(*severity, "scale") == kScaleOfXrays;
  const bool dicom =
      made != found.end() && made->is_object() && !word_of(*made, "source_uid").empty();
  return picture && (lungs || dicom) ? std::optional(ComparedImage::xray) : std::nullopt;
}

ComparedStudy compared_study_of(const ordered_json& document, const ordered_json& found) {
  ComparedStudy study;
  study.input = word_of(found, "input");
  study.lesion_ml = number_of(found, "lesion_ml").value_or(0);
  study.lung_ml = number_of(found, "lung_ml");
  if (const auto share = number_of(found, "lesion_fraction_of_lung")) {
    study.share_percent = 100 * *share;
  }
  study.score = take_severity(found, "severity", study.region_percent);
  study.lobe_score = take_severity(found, "lobes", study.lobe_percent);
  if (study.lobe_score) study.lobes_from = word_of(found["lobes"], "from");
  study.lungs = word_of(found, "lungs");
  study.weights = word_of(document, "weights_sha256").substr(0, kWeightDigits);
  study.version = word_of(document, "version");
  const auto threshold = document.find("threshold");
  if (threshold != document.end()) study.threshold = threshold->dump();
  if (const auto made = found.find("acquisition"); made != found.end()) {
    study.acquisition.slice_spacing_mm = number_of(*made, "slice_spacing_mm");
    study.acquisition.kernel = word_of(*made, "convolution_kernel");
    study.acquisition.manufacturer = word_of(*made, "manufacturer");
  }
  if (compared_image(found) == ComparedImage::xray) take_areas(found, study);
  study.warnings = static_cast<int64_t>(found.value("warnings", ordered_json::array()).size());
  return study;
}

ComparedStudy read_compared_study(const fs::path& path) {
  if (!fs::is_regular_file(path)) return of_folder(path);
  const std::string kind = dicom_object_kind(path);
  if (kind == "SR") return of_report(path);
  if (kind == "SEG") return of_segmentation(path);
  fail(ErrorKind::data, path.string() +
                            ": is no DICOM report or segmentation, expected one, or an output "
                            "folder of predict");
}

}  // namespace groundglass
