#include "groundglass/predict/dicom_measurements.h"

#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/predict/lobe_source.h"

namespace groundglass {
namespace {

const DicomCode kMillilitre = {"ml", "UCUM", "milliliter"};
const DicomCode kPercent = {"%", "UCUM", "percent"};
const DicomCode kHounsfield = {"[hnsf'U]", "UCUM", "Hounsfield unit"};
const DicomCode kSquareCentimetre = {"cm2", "UCUM", "square centimeter"};
const DicomCode kPixels = {"{pixels}", "UCUM", "pixels"};
const DicomCode kScore = {"{score}", "UCUM", "score"};

constexpr const char* kScoreOfLungs = "Severity of two lungs on a chest X-ray, 0 to 8";

/// "right upper" as codes.
MeasuredSite site_of_zone(const std::string& region) {
  const bool right = region.starts_with("right");
  MeasuredSite site{
      {"281393007", "SCT", "Middle zone of lung"},
      right ? DicomCode{"24028007", "SCT", "Right"} : DicomCode{"7771000", "SCT", "Left"}};
  if (ends_with(region, "upper")) site.site = {"281392002", "SCT", "Upper zone of lung"};
  if (ends_with(region, "lower")) site.site = {"281394001", "SCT", "Lower zone of lung"};
  return site;
}

/// "right upper" as a lobe.
MeasuredSite site_of_lobe(const std::string& region) {
  const bool right = region.starts_with("right");
  if (ends_with(region, "middle")) {
    return {{"72481006", "SCT", "Middle lobe of right lung"},
            DicomCode{"24028007", "SCT", "Right"}};
  }
  const bool upper = ends_with(region, "upper");
  return {upper ? DicomCode{"45653009", "SCT", "Upper lobe of lung"}
                : DicomCode{"90572001", "SCT", "Lower lobe of lung"},
          right ? DicomCode{"24028007", "SCT", "Right"} : DicomCode{"7771000", "SCT", "Left"}};
}

void add_attenuation(MeasurementGroup& group, const std::optional<Attenuation>& attenuation) {
  if (!attenuation) return;
  const DicomCode concept_name = {"112031", "DCM", "Attenuation Coefficient"};
  group.quantities.push_back(
      {concept_name, attenuation->mean_hu, kHounsfield, DicomCode{"373098007", "SCT", "Mean"}});
  group.quantities.push_back({concept_name, attenuation->deviation_hu, kHounsfield,
                              DicomCode{"386136009", "SCT", "Standard Deviation"}});
}

bool is_picture(const CaseSummary& summary) {
  return summary.size.size() == 2;
}

/// An X-ray has no depth: never millilitres.
void add_area(MeasurementGroup& group, int64_t pixels, const CaseSummary& summary) {
  const DicomCode area = {"42798000", "SCT", "Area"};
  if (const auto pixel_mm2 = summary.acquisition.pixel_mm2) {
    group.quantities.push_back(
        {area, static_cast<double>(pixels) * *pixel_mm2 / 100, kSquareCentimetre});
    return;
  }
  const auto all = static_cast<double>(summary.size[0] * summary.size[1]);
  group.quantities.push_back({area, static_cast<double>(pixels), kPixels});
  group.quantities.push_back({own_code("picture-share", "Share of the picture that is infected"),
                              100 * static_cast<double>(pixels) / all, kPercent});
}

std::string area_text(const Acquisition& acquisition) {
  if (!acquisition.pixel_mm2) {
    return "The size of a pixel is not known (no PixelSpacing, no ImagerPixelSpacing): pixels and "
           "percent of the picture, no cm2.";
  }
  if (acquisition.pixel_from == "ImagerPixelSpacing") {
    return "By ImagerPixelSpacing, in the plane of the detector: larger than in the patient.";
  }
  return "By PixelSpacing, as the image gives it; a shadow, not a size in the patient.";
}

/// What the points mean, or why there are none.
std::string text_of_score(const Severity& severity) {
  if (!severity.score) return "No score: " + severity.reason + ".";
  const std::string definition = definition_of_points(severity.scale);
  return severity.note.empty() ? definition : definition + " " + severity.note;
}

std::string xray_lungs_text(const CaseSummary& summary) {
  if (!summary.severity) return "";
  const bool path = summary.lungs.find('/') != std::string::npos;
  return "The lungs are those of " + (path ? "a mask or model that was given" : summary.lungs) +
         ", without pieces below a twentieth of the largest; shares are of areas on the picture.";
}

/// Nothing marked is said as it came about.
std::string text_of_nothing(const CaseSummary& summary) {
  const auto& detection = summary.detection;
  if (detection && detection->contradicts(0)) {
    return "No infection was marked, but the detector of the whole picture finds infection: the "
           "two networks disagree.";
  }
  if (detection && detection->withheld_pixels > 0) {
    return "No infection was found: marks of the network were withheld by a detector.";
  }
  return "No infection was found.";
}

/// Paths are no matter of the archive.
std::string lungs_text(const CaseSummary& summary) {
  const std::string by_threshold =
      "found by a threshold of -320 HU; windpipe and main bronchi are part of them.";
  if (summary.lungs.empty() || summary.lungs == "threshold")
    return "The lungs were " + by_threshold;
  const bool path = summary.lungs.find('/') != std::string::npos;
  return "The lungs are those of " + (path ? "a mask or model that was given" : summary.lungs) +
         ", without pieces below 20 ml or a twentieth of the largest.";
}

void add_lobes(MeasurementGroup& group, const Severity& lobes) {
  group.quantities.push_back({own_code("score-lobes", "Severity of five lobes, 0 to 25"),
                              static_cast<double>(*lobes.score), kScore});
  for (const auto& region : lobes.regions) {
    const auto site = site_of_lobe(region.region);
    const double share = 100.0 * static_cast<double>(region.count.infected) /
                         static_cast<double>(region.count.voxels);
    const auto add = [&](const DicomCode& what, double value, const DicomCode& unit) {
      group.quantities.push_back({what, value, unit, {}, site});
    };
    if (region.ml) add(own_code("lobe-volume", "Volume of the lobe"), *region.ml, kMillilitre);
    add(own_code("lung-share", "Share of the lungs that is infected"), share, kPercent);
    add(own_code("score-lobe", "Severity of a lobe, 0 to 5"), static_cast<double>(*region.points),
        kScore);
  }
}

/// Both lungs of an X-ray.
void add_xray_lungs(MeasurementGroup& group, const CaseSummary& summary) {
  const DicomCode share_name = own_code("lung-share", "Share of the lungs that is infected");
  const Severity& severity = *summary.severity;
  if (!severity.score) return;
  group.quantities.push_back(
      {own_code("score-lungs", kScoreOfLungs), static_cast<double>(*severity.score), kScore});
  for (const auto& region : severity.regions) {
    const MeasuredSite site{{"39607008", "SCT", "Lung"},
                            region.region.starts_with("right")
                                ? DicomCode{"24028007", "SCT", "Right"}
                                : DicomCode{"7771000", "SCT", "Left"}};
    const double share = 100.0 * static_cast<double>(region.count.infected) /
                         static_cast<double>(region.count.voxels);
    group.quantities.push_back({share_name, share, kPercent, {}, site});
    group.quantities.push_back({own_code("score-lung", "Severity of a lung, 0 to 4"),
                                static_cast<double>(*region.points),
                                kScore,
                                {},
                                site});
  }
}

/// What is said of the lungs and of any lesion; it stands in the first group.
void add_lungs(MeasurementGroup& group, const CaseSummary& summary) {
  if (summary.lung_ml) {
    group.quantities.push_back(
        {own_code("lung-volume", "Lung volume"), *summary.lung_ml, kMillilitre});
  }
  if (summary.lesion_fraction_of_lung) {
    group.quantities.push_back({own_code("lung-share", "Share of the lungs that is infected"),
                                100 * *summary.lesion_fraction_of_lung, kPercent});
  }
  if (summary.lobes && summary.lobes->score) add_lobes(group, *summary.lobes);
  if (is_picture(summary) && summary.severity) return add_xray_lungs(group, summary);
  if (!summary.severity || !summary.severity->score) return;
  const Severity& severity = *summary.severity;
  group.quantities.push_back({own_code("score-zones", "Severity of six lung zones, 0 to 24"),
                              static_cast<double>(*severity.score), kScore});
  for (const auto& region : severity.regions) {
    const double share = 100.0 * static_cast<double>(region.count.infected) /
                         static_cast<double>(region.count.voxels);
    const auto site = site_of_zone(region.region);
    group.quantities.push_back(
        {own_code("lung-share", "Share of the lungs that is infected"), share, kPercent, {}, site});
    group.quantities.push_back({own_code("score-zone", "Severity of a lung zone, 0 to 4"),
                                static_cast<double>(*region.points),
                                kScore,
                                {},
                                site});
  }
}

}  // namespace

MeasurementReport measurement_report(const CaseSummary& summary,
                                     const std::vector<SegmentMeaning>& segments,
                                     const DicomMaker& maker) {
  MeasurementReport report;
  const DicomCode volume = {"118565006", "SCT", "Volume"};
  for (size_t s = 0; s < segments.size(); ++s) {
    MeasurementGroup group{static_cast<int>(s + 1), segments[s].label, segments[s].type, {}};
    const bool alone = summary.classes.empty();
    const auto ml = alone ? summary.lesion_ml : summary.classes[s].ml;
    if (ml) group.quantities.push_back({volume, *ml, kMillilitre});
    if (is_picture(summary)) {
      add_area(group, alone ? summary.lesion_pixels : summary.classes[s].pixels, summary);
    }
    add_attenuation(group, alone ? summary.attenuation : summary.classes[s].attenuation);
    if (s == 0) add_lungs(group, summary);
    report.groups.push_back(std::move(group));
  }
  const auto remark = [&](const char* value, const char* meaning, const std::string& text) {
    if (!text.empty()) report.remarks.emplace_back(own_code(value, meaning), text);
  };
  remark("intended-use", "Intended use", kNotAMedicalDevice);
  if (summary.lesion_pixels == 0) remark("finding", "Finding", text_of_nothing(summary));
  remark("model-caution", "Caution of the model", maker.caution);
  if (is_picture(summary)) {
    remark("area-from", "Where the size of a pixel comes from", area_text(summary.acquisition));
    remark("lungs-from", "Where the lungs come from", xray_lungs_text(summary));
    if (summary.detection) {
      remark("detector", "Detector that decides whether marks are kept",
             summary.detection->detector + ": " + detection_text(*summary.detection));
    }
  } else {
    remark("lungs-from", "Where the lungs come from", lungs_text(summary));
  }
  if (const auto spacing_mm = summary.acquisition.slice_spacing_mm) {
    remark("source-spacing", "Distance of the slices in mm", decimal_string(*spacing_mm));
  }
  remark("source-kernel", "Convolution kernel of the source", summary.acquisition.kernel);
  remark("source-maker", "Manufacturer of the source", summary.acquisition.manufacturer);
  if (summary.severity) {
    const bool lungs = is_picture(summary);
    remark(lungs ? "score-lungs" : "score-zones",
           lungs ? kScoreOfLungs : "Severity of six lung zones, 0 to 24",
           text_of_score(*summary.severity));
  }
  if (summary.lobes) {
    const std::string from = summary.lobes_from == kLobesByShape
                                 ? "Found as " + summary.lobes_from + "."
                                 : "The lobes are those of a label map that was given.";
    remark("score-lobes", "Severity of five lobes, 0 to 25",
           from + " " + text_of_score(*summary.lobes));
  }
  if (summary.typicality) {
    remark("typicality", "Distance from what the model was trained on",
           fixed(*summary.typicality, 2) + " times the limit");
  }
  for (const auto& warning : summary.warnings) {
    // a warning begins with the input's path, which is no matter of the archive
    const bool named = warning.starts_with(summary.input + ": ");
    remark("warning", "Warning", named ? warning.substr(summary.input.size() + 2) : warning);
  }
  return report;
}

}  // namespace groundglass
