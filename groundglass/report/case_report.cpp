#include "groundglass/report/case_report.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/lobe_note.h"
#include "groundglass/predict/severity.h"
#include "groundglass/report/change_section.h"
#include "groundglass/report/report_parts.h"
#include "groundglass/report/study_findings.h"
#include "groundglass/report/xray_report.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr size_t kListedLesions = 10;

/// How much lesion, in what lungs.
std::vector<std::string> amounts(const json& c) {
  std::vector<std::string> facts;
  const auto pixels = c["lesion_pixels"].get<int64_t>();
  if (pixels == 0) {
    facts.emplace_back("Nothing was found.");
  } else if (c["lesion_ml"].is_number()) {
    std::string line = "Lesion " + number_text(c["lesion_ml"], 1) + " ml";
    if (c["lesion_fraction_of_lung"].is_number()) {
      line += ", " + number_text(c["lesion_fraction_of_lung"], 1, 100) + " % of the lungs";
    }
    const json hu = value_or_null(c, "attenuation");
    if (hu.is_object()) {
      line += ", mean " + number_text(hu["mean_hu"], 0) + " HU (standard deviation " +
              number_text(hu["deviation_hu"], 0) + ")";
    }
    facts.push_back(line + ".");
    const json parts = value_or_null(c, "by_hu");
    if (parts.is_object() && pixels > 0) {
      const std::string split = number_text(parts["split_hu"], 0) + " HU";
      facts.push_back(number_text(parts["below_ml"], 1) + " ml of it lie below " + split + " and " +
                      number_text(parts["from_there_ml"], 1) +
                      " ml from there on (a threshold, not a reading of ground glass and "
                      "consolidation).");
    }
  } else {
    facts.push_back("Lesion " + std::to_string(pixels) +
                    " voxels; the volume is not in Hounsfield units, so there are no millilitres.");
  }
  const json outside = value_or_null(c, "lesion_outside_lungs_ml");
  if (outside.is_number() && outside.get<double>() > 0.05) {
    facts.push_back(number_text(outside, 1) + " ml of it lie outside the lungs that were found.");
  }
  const json dropped = value_or_null(c, "left_out_outside_lungs");
  const auto told = [](const json& left_out) {  // 0.0 ml says nothing
    if (!left_out.is_object()) return false;
    return left_out["ml"].is_number() ? left_out["ml"].get<double>() > 0.05
                                      : left_out["pixels"].get<int64_t>() > 0;
  };
  if (told(dropped)) {
    const std::string amount = dropped["ml"].is_number()
                                   ? number_text(dropped["ml"], 1) + " ml"
                                   : std::to_string(dropped["pixels"].get<int64_t>()) + " pixels";
    facts.push_back(amount + " that the network marked outside the lungs of " +
                    dropped["lungs"].get<std::string>() + " were left out.");
  }
  return facts;
}

/// What the zones of one lung hold together, or of both ("").
struct LungPart {
  double lesion_ml = 0, ml = 0, sum_hu = 0;

  LungPart(const json& severity, const std::string& side, double voxel_ml) {
    for (const auto& zone : severity["regions"]) {
      if (!zone["region"].get<std::string>().starts_with(side)) continue;
      const double lesion = zone["infected_voxels"].get<double>() * voxel_ml;
      lesion_ml += lesion;
      ml += zone["voxels"].get<double>() * voxel_ml;
      const json hu = value_or_null(zone, "lesion_mean_hu");
      if (hu.is_number()) sum_hu += hu.get<double>() * lesion;
    }
  }
  std::vector<std::string> cells() const {
    return {fixed(lesion_ml, 1), ml > 0 ? fixed(100 * lesion_ml / ml, 1) + " %" : "n/a",
            lesion_ml > 0 ? fixed(sum_hu / lesion_ml, 0) : "n/a"};
  }
};

ReportedTable lungs_table(const json& c, double voxel_ml) {
  ReportedTable table{"Lungs", {"", "ml"}, {}};
  const json severity = value_or_null(c, "severity");
  const bool zones = severity.is_object() && !severity["regions"].empty();
  if (zones) table.head = {"", "ml", "lesion ml", "share", "lesion mean HU"};
  const auto row = [&](const char* name, const char* key, const std::string& side) {
    const json ml = value_or_null(c, key);
    if (!ml.is_number()) return;
    table.rows.push_back({name, number_text(ml, 0)});
    if (!zones) return;
    const auto cells = LungPart(severity, side, voxel_ml).cells();
    table.rows.back().insert(table.rows.back().end(), cells.begin(), cells.end());
  };
  row("right", "right_lung_ml", "right");
  row("left", "left_lung_ml", "left");
  row("both", "lung_ml", "");
  if (zones) table.note = "Lesion, share and HU are those of the zones below.";
  if (table.rows.size() > 1) {
    table.note = "Right and left are counted without lesions outside of them. " + table.note;
  }
  const json lungs = value_or_null(c, "lungs");
  if (lungs.is_string()) {
    const auto source = lungs.get<std::string>();
    table.title +=
        source == "threshold" ? ", found by a threshold and morphology" : ", found by " + source;
  }
  return table;
}

ReportedTable regions_table(const json& severity, double voxel_ml) {
  const json score = severity["score"];
  ReportedTable table;
  table.title = "Severity by " + severity["scale"].get<std::string>() + ": " +
                (score.is_number() ? std::to_string(score.get<int>()) + " of " +
                                         std::to_string(severity["most"].get<int>())
                                   : "no score (" + severity["reason"].get<std::string>() + ")");
  table.head = {"region", "lesion ml", "region ml", "share", "lesion mean HU", "points"};
  const bool with_hu = severity["scale"] == "five lobes";
  if (with_hu) table.head.emplace_back("mean HU");
  for (const auto& region : severity["regions"]) {
    const auto infected = region["infected_voxels"].get<int64_t>();
    const auto voxels = region["voxels"].get<int64_t>();
    table.rows.push_back({region["region"], fixed(static_cast<double>(infected) * voxel_ml, 1),
                          fixed(static_cast<double>(voxels) * voxel_ml, 0),
                          percent_text(infected, voxels),
                          number_text(value_or_null(region, "lesion_mean_hu"), 0),
                          number_text(region["points"], 0)});
    if (with_hu) table.rows.back().push_back(number_text(region["mean_hu"], 0));
  }
  return table;
}

ReportedTable classes_table(const json& classes) {
  ReportedTable table{"Kinds of lesion", {"kind", "voxels", "ml", "mean HU"}, {}};
  for (const auto& k : classes) {
    const json hu = value_or_null(k, "attenuation");
    table.rows.push_back({k["name"], std::to_string(k["pixels"].get<int64_t>()),
                          number_text(k["ml"], 1),
                          hu.is_object() ? number_text(hu["mean_hu"], 0) : "n/a"});
  }
  return table;
}

ReportedTable lesions_table(const StudyFindings& findings) {
  ReportedTable table;
  const auto& listed = findings.lesions.listed;
  const size_t shown = std::min(kListedLesions, listed.size());
  table.title = "Lesions by size: " + std::to_string(listed.size()) + " of at least " +
                std::to_string(kSmallestLesion) + " voxels";
  if (findings.lesions.smaller > 0) {
    table.title += ", and " + std::to_string(findings.lesions.smaller) + " smaller ones";
  }
  if (shown < listed.size()) {
    table.title += "; the largest " + std::to_string(shown) + " are listed";
  }
  const bool in_hu = findings.burden_in_ml;
  table.head = {"lesion", in_hu ? "ml" : "voxels", "axial slices", "left mm", "back mm", "head mm"};
  if (in_hu) table.head.insert(table.head.begin() + 2, "mean HU");
  for (size_t i = 0; i < shown; ++i) {
    const LesionPiece& l = listed[i];
    const double ml = static_cast<double>(l.voxels) * findings.voxel_ml;
    const std::string first = std::to_string(l.first_slice + 1);
    std::vector<std::string> row = {
        std::to_string(i + 1), in_hu ? fixed(ml, 2) : std::to_string(l.voxels),
        l.first_slice == l.last_slice ? first : first + " to " + std::to_string(l.last_slice + 1)};
    for (const double mm : *l.centre_lps_mm) row.push_back(fixed(mm, 0));
    if (in_hu) row.insert(row.begin() + 2, fixed(*l.mean_hu, 0));
    table.rows.push_back(row);
  }
  return table;
}

/// Pictures beside each other, all as large as the largest.
std::vector<ReportedPicture> row_of(const std::vector<StudySlice>& slices, bool axial,
                                    const std::string& of_axial) {
  int64_t rows = 0, columns = 0;
  const auto wanted = [&](const StudySlice& s) { return (s.plane == Plane::axial) == axial; };
  for (const auto& s : slices) {
    if (!wanted(s)) continue;
    rows = std::max(rows, s.rgb.size(1));
    columns = std::max(columns, s.rgb.size(2));
  }
  std::vector<ReportedPicture> row;
  for (const auto& s : slices) {
    if (!wanted(s)) continue;
    const std::string caption = axial ? "axial slice " + std::to_string(s.index + 1) + of_axial
                                      : word_of(s.plane) + " slice with most lesion, head above";
    row.push_back(reported(s.rgb, caption, rows, columns));
  }
  return row;
}

}  // namespace

std::string number_text(const json& value, int digits, double factor) {
  return value.is_number() ? fixed(factor * value.get<double>(), digits) : "n/a";
}

std::string case_name_of(const std::string& output) {
  const size_t at = output.rfind("_mask.");
  return at == std::string::npos ? output : output.substr(0, at);
}

bool is_volume_case(const json& summary_case) {
  return summary_case["size"].size() == 3;
}

CaseReport case_report(const fs::path& folder, const json& c) {
  if (is_xray_case(c)) return xray_report(folder, c);
  CaseReport report;
  report.name = case_name_of(c["output"]);
  report.warnings = c["warnings"].get<std::vector<std::string>>();
  report.facts = amounts(c);
  const LabelMap mask = read_label_volume(folder / c["output"].get<std::string>());
  const json change = value_or_null(c, "change");
  if (change.is_object()) add_change(report, change);
  const ReportedTable lungs = lungs_table(c, voxel_mm3(mask.geometry) / 1000);
  if (!lungs.rows.empty()) report.tables.push_back(lungs);
  const json severity = value_or_null(c, "severity");
  if (severity.is_object()) {
    report.tables.push_back(regions_table(severity, voxel_mm3(mask.geometry) / 1000));
    report.tables.back().note = definition_of_points(severity["scale"]);
  }
  const json lobes = value_or_null(c, "lobes");
  if (lobes.is_object()) {
    report.tables.push_back(regions_table(lobes, voxel_mm3(mask.geometry) / 1000));
    report.tables.back().note = definition_of_points(lobes["scale"]) +
                                " Mean HU is that of the lobe with vessels and lesions. " +
                                note_of_lobes(lobes["from"]);
  }
  const json classes = c.value("classes", json::array());
  if (!classes.empty()) report.tables.push_back(classes_table(classes));
  const fs::path source = c["input"].get<std::string>();
  if (!fs::exists(source)) {
    report.warnings.push_back(source.string() +
                              ": no longer there, so the report shows no slices and no lesions");
    return report;
  }
  AxialSource volume(source, c["modality"] == "CT" ? UnitsAsked::hu : UnitsAsked::gray);
  const StudyFindings findings = study_findings(volume, mask.labels);
  if (!findings.lesions.listed.empty()) report.tables.push_back(lesions_table(findings));
  if (findings.slices.empty()) return report;
  report.pictures.push_back(
      row_of(findings.slices, true, " of " + std::to_string(findings.burden.size())));
  report.pictures.push_back(row_of(findings.slices, false, ""));
  const auto burden = burden_figure(findings);
  report.pictures.push_back(
      {reported(burden, "lesion along the patient's axis", burden.size(1), burden.size(2))});
  return report;
}

}  // namespace groundglass
