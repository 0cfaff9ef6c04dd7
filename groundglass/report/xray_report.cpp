#include "groundglass/report/xray_report.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/io/paint.h"
#include "groundglass/predict/xray_detection.h"
#include "groundglass/report/change_section.h"
#include "groundglass/report/report_parts.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

/// What a detector decided; nothing without one.
std::vector<std::string> detector_lines(const json& c) {
  const json found = value_or_null(c, "detector");
  if (!found.is_object()) return {};
  const Detection d = detection_of(found);
  if (!d.trusted()) return {};  // a warning says why
  if (d.infected()) {
    const bool alone = d.contradicts(c["lesion_pixels"].get<int64_t>());
    return {"The detector " + d.detector + " finds infection (" + detection_text(d) +
            (alone ? "), although nothing is marked: the two networks disagree." : ").")};
  }
  if (d.withheld_pixels == 0) {
    return {"The detector " + d.detector + " finds none, either (" + detection_text(d) + ")."};
  }
  return {"The detector " + d.detector + " finds no infection (" + detection_text(d) +
          "), so what the network marked, " + std::to_string(d.withheld_pixels) +
          " pixels, was withheld."};
}

/// How much of an X-ray, and of what lungs.
std::vector<std::string> picture_amounts(const json& c) {
  const auto pixels = c["lesion_pixels"].get<int64_t>();
  if (pixels == 0) return {"Nothing is marked."};
  std::string line = "Infection on " + std::to_string(pixels) + " pixels";
  const json cm2 = value_or_null(c, "lesion_cm2");
  if (cm2.is_number()) {
    line = "Infection of " + number_text(cm2, 1) + " cm2";
    const json from = value_or_null(value_or_null(c, "acquisition"), "pixel_from");
    if (from.is_string()) line += " by " + from.get<std::string>();
  }
  if (c["lesion_fraction_of_lung"].is_number()) {
    line += ", " + number_text(c["lesion_fraction_of_lung"], 1, 100) +
            " % of the area of the lungs on the picture";
  }
  return {line + ". A shadow's area, not a volume."};
}

ReportedTable two_lungs_table(const json& c) {
  const json severity = c["severity"];
  const json score = severity["score"];
  ReportedTable table;
  table.title = "Severity by two lungs: " +
                (score.is_number() ? std::to_string(score.get<int>()) + " of " +
                                         std::to_string(severity["most"].get<int>())
                                   : "no score (" + severity["reason"].get<std::string>() + ")");
  const json lungs = value_or_null(c, "lungs");
  if (lungs.is_string()) table.title += "; lungs found by " + lungs.get<std::string>();
  table.head = {"region", "lesion pixels", "region pixels", "share", "points"};
  for (const auto& region : severity["regions"]) {
    const auto infected = region["infected_voxels"].get<int64_t>();
    const auto pixels = region["voxels"].get<int64_t>();
    table.rows.push_back({region["region"], std::to_string(infected), std::to_string(pixels),
                          percent_text(infected, pixels), number_text(region["points"], 0)});
  }
  table.note = severity.value("definition", "");
  const json note = value_or_null(severity, "note");
  if (note.is_string()) table.note += " " + note.get<std::string>();
  return table;
}

/// At most as large as a page shows it.
ReportedPicture picture_with_mask(const fs::path& source, const fs::path& mask_file,
                                  bool with_classes) {
  constexpr double kMost = 1100;  // pixels of the longer side
  const Image image = read_picture(source);
  auto gray = (image.pixels.slice(0, 0, 1).to(torch::kFloat32) * (255 / image.white)).unsqueeze(0);
  auto labels = read_mask_picture(mask_file);
  constexpr int kAny = 255;  // of any class
  labels = (with_classes ? labels.masked_fill(labels == kAny, 1) : labels != 0).to(torch::kUInt8);
  if (labels.size(0) != gray.size(2) || labels.size(1) != gray.size(3)) {
    fail(ErrorKind::data, mask_file.string() + ": is " + shape_text(labels) +
                              ", expected the size of " + source.string());
  }
  const double larger = static_cast<double>(std::max(labels.size(0), labels.size(1)));
  if (larger > kMost) {
    const auto rows = std::lround(static_cast<double>(labels.size(0)) * kMost / larger);
    const auto columns = std::lround(static_cast<double>(labels.size(1)) * kMost / larger);
    gray = torch::adaptive_avg_pool2d(gray, {rows, columns});
    labels = torch::upsample_nearest2d(labels.to(torch::kFloat32).unsqueeze(0).unsqueeze(0),
                                       {rows, columns})[0][0]
                 .to(torch::kUInt8);
  }
  const auto rgb = overlay(gray[0][0].round().clamp(0, 255).to(torch::kUInt8), labels);
  return reported(rgb, "as the picture is stored, with what the network marked", rgb.size(1),
                  rgb.size(2));
}

}  // namespace

bool is_xray_case(const json& c) {
  if (is_volume_case(c)) return false;
  if (value_or_null(c, "severity").is_object()) return true;
  if (value_or_null(c, "detector").is_object()) return true;
  const json uid = value_or_null(value_or_null(c, "acquisition"), "source_uid");
  return uid.is_string() && !uid.get<std::string>().empty();
}

CaseReport xray_report(const fs::path& folder, const json& c) {
  CaseReport report;
  report.name = case_name_of(c["output"]);
  report.warnings = c["warnings"].get<std::vector<std::string>>();
  report.facts = picture_amounts(c);
  const json change = value_or_null(c, "change");
  if (change.is_object()) add_change(report, change);
  for (auto& line : detector_lines(c)) report.facts.push_back(std::move(line));
  if (value_or_null(c, "severity").is_object()) report.tables.push_back(two_lungs_table(c));
  const json classes = c.value("classes", json::array());
  const fs::path source = c["input"].get<std::string>();
  if (!fs::exists(source)) {
    report.warnings.push_back(source.string() +
                              ": no longer there, so the report shows no picture");
    return report;
  }
  report.pictures.push_back(
      {picture_with_mask(source, folder / c["output"].get<std::string>(), !classes.empty())});
  return report;
}

}  // namespace groundglass
