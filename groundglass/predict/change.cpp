#include "groundglass/predict/change.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <tuple>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/predict/compared_study.h"
#include "groundglass/predict/lobe_note.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// What is no clear change: within `least` or `share` of the first study, whichever is more.
struct LeastChange {
  double least, share;
};
constexpr LeastChange kLeastMl = {1, 0.1}, kLeastPoints = {2, 0.2}, kLeastCm2 = {10, 0.2};
constexpr const char* kRuleOfCt = "within 1 ml or 10 % of the first study, whichever is more";
constexpr const char* kRuleOfXrays =
    "within 2 points of the share of the lungs or 20 % of it, whichever is more; where one has no "
    "score, within 10 cm2 or 20 %";
constexpr double kOtherBreath = 0.15, kOtherSpacing = 0.1;

void check_patients(const ComparedStudy& a, const ComparedStudy& b, SamePatient same) {
  if (same == SamePatient::given) return;
  for (const auto* study : {&a, &b}) {
    if (study->patient && !study->patient->patient_id.empty()) continue;
    const bool folder = fs::is_directory(study->path);
    fail(ErrorKind::data,
         study->path.string() + (folder ? ": holds no DICOM object that names its patient; predict "
                                          "with --dicom sr, or say --same-patient"
                                        : ": names no patient; say --same-patient"));
  }
  if (a.patient->patient_id != b.patient->patient_id || a.patient->issuer != b.patient->issuer) {
    fail(ErrorKind::data, a.path.string() + " and " + b.path.string() +
                              ": are of different patients by PatientID and its issuer; say "
                              "--same-patient if they are not");
  }
}

/// Days since 1970 of a DICOM date.
std::optional<int64_t> day_of(const std::optional<StudyOfPatient>& study) {
  if (!study || study->study_date.size() != 8 ||
      study->study_date.find_first_not_of("0123456789") != std::string::npos) {
    return {};
  }
  namespace chrono = std::chrono;
  const std::string& d = study->study_date;
  const chrono::year_month_day day{chrono::year(std::stoi(d.substr(0, 4))),
                                   chrono::month(static_cast<unsigned>(std::stoi(d.substr(4, 2)))),
                                   chrono::day(static_cast<unsigned>(std::stoi(d.substr(6, 2))))};
  if (!day.ok()) return {};
  return chrono::sys_days(day).time_since_epoch().count();
}

using Shares = std::vector<std::pair<std::string, double>>;

/// Of the regions that both studies have.
std::vector<RegionChange> regions_of(const Shares& before, const Shares& after) {
  std::vector<RegionChange> regions;
  for (const auto& [region, share] : before) {
    const auto same = std::find_if(after.begin(), after.end(),
                                   [&, &name = region](const auto& o) { return o.first == name; });
    if (same != after.end()) regions.push_back({region, {share, same->second}});
  }
  return regions;
}

bool differ(const std::string& a, const std::string& b) {
  return !a.empty() && !b.empty() && a != b;
}

/// What tells the machines and their settings apart, which changes volumes as well.
void warn_of_acquisition(const Acquisition& a, const Acquisition& b,
                         std::vector<std::string>& all) {
  if (a.slice_spacing_mm && b.slice_spacing_mm) {
    const double ratio = *a.slice_spacing_mm / *b.slice_spacing_mm;
    if (std::max(ratio, 1 / ratio) > 1 + kOtherSpacing) {
      const auto shown = [](double mm) { return shortest(std::round(100 * mm) / 100); };
      all.push_back("the slices are " + shown(*a.slice_spacing_mm) + " and " +
                    shown(*b.slice_spacing_mm) +
                    " mm apart; thick slices blur what a threshold of the mask counts");
    }
  }
  if (differ(a.kernel, b.kernel)) {
    all.push_back("the images were reconstructed with other kernels, " + in_quotes(a.kernel) +
                  " and " + in_quotes(b.kernel) + "; a difference may be theirs");
  }
  if (differ(a.manufacturer, b.manufacturer)) {
    all.push_back("the images are from machines of other manufacturers, " +
                  in_quotes(a.manufacturer) + " and " + in_quotes(b.manufacturer) +
                  "; a difference may be theirs");
  }
}

/// Where lungs differ by more than a disease changes them. `unit` is that of their size, and
/// `changes` says what else of the study that touches.
void warn_of_another_breath(const BeforeAfter& lungs, const std::string& verb,
                            const std::string& unit, const std::string& changes,
                            std::vector<std::string>& all) {
  if (!lungs.before || !lungs.after) return;
  if (std::abs(*lungs.after / *lungs.before - 1) > kOtherBreath) {
    all.push_back("the lungs " + verb + " " + fixed(*lungs.before, 0) + " and " +
                  fixed(*lungs.after, 0) + " " + unit + ", more than 15 % apart: " + changes);
  }
}

/// What projections hold besides: where shares or areas are missing or were measured in two ways.
void warn_of_xrays(const ComparedStudy& a, const ComparedStudy& b, const Change& change,
                   std::vector<std::string>& all) {
  for (const auto& [study, which] : {std::pair(&a, "first"), std::pair(&b, "second")}) {
    if (study->no_score.empty()) continue;
    all.push_back(std::string("the lungs of the ") + which +
                  " X-ray have no score: " + study->no_score);
  }
  const std::string &one = a.acquisition.pixel_from, &other = b.acquisition.pixel_from;
  if (differ(one, other)) {
    all.push_back("the size of the pixels is told in two ways (" + one + ", " + other +
                  "); areas cannot be compared");
  } else {
    warn_of_another_breath(change.lung_cm2, "cover", "cm2",
                           "another breath, position or distance changes areas and shares", all);
  }
}

std::vector<std::string> warnings_of(const ComparedStudy& a, const ComparedStudy& b,
                                     const Change& change) {
  std::vector<std::string> all;
  for (const auto& [one, other, what] :
       {std::tuple(a.weights, b.weights, "weights"),
        std::tuple(a.threshold, b.threshold, "threshold"),
        std::tuple(a.version, b.version, "version of the program")}) {
    if (!differ(one, other)) continue;
    all.push_back(std::string("the studies were segmented with another ") + what +
                  "; a difference may be its");
  }
  if (differ(a.lungs, b.lungs)) {
    all.push_back("the lungs were found in two ways (" + a.lungs + ", " + b.lungs +
                  "); shares cannot be compared");
  }
  if (differ(a.lobes_from, b.lobes_from)) {
    all.push_back("the lobes were found in two ways (" + a.lobes_from + ", " + b.lobes_from +
                  "); they are not compared");
  }
  warn_of_acquisition(a.acquisition, b.acquisition, all);
  if (change.image == ComparedImage::xray) warn_of_xrays(a, b, change, all);
  warn_of_another_breath(change.lung_ml, "hold", "ml", "another breath changes volumes and shares",
                         all);
  if (change.days && *change.days < 0) {
    all.emplace_back("the first study was made after the second, by their dates");
  }
  for (const auto* study : {&a, &b}) {
    if (study->warnings == 0) continue;
    all.push_back(study->path.string() + ": has warnings of its own (" +
                  std::to_string(study->warnings) + "), see " +
                  (fs::is_directory(study->path) ? "its summary.json" : "its remarks"));
  }
  return all;
}

/// The structured report of an earlier study; empty if there is none.
fs::path report_of(const fs::path& before) {
  if (fs::is_regular_file(before)) {
    return dicom_object_kind(before) == "SR" ? before : fs::path();
  }
  const auto document = ordered_json::parse(read_file(before / "summary.json"), nullptr, false);
  for (const auto& one : document.value("cases", ordered_json::array())) {
    for (const auto& object : one.value("dicom_objects", ordered_json::array())) {
      const fs::path file = before / object.value("file", "");
      if (object.value("kind", "") == "sr" && fs::is_regular_file(file)) return file;
    }
  }
  return {};
}

ordered_json json_of(const BeforeAfter& value) {
  const auto of = [](const std::optional<double>& v) {
    return v ? ordered_json(*v) : ordered_json(nullptr);
  };
  return {
      {"before", of(value.before)}, {"after", of(value.after)}, {"change", of(value.difference())}};
}

ordered_json json_of(const std::vector<RegionChange>& regions) {
  auto all = ordered_json::array();
  for (const auto& r : regions) {
    ordered_json one = {{"region", r.region}};
    one["share_percent"] = json_of(r.share_percent);
    all.push_back(one);
  }
  return all;
}

/// The word for a change of one number that both studies have.
void judge(const char* name, const BeforeAfter& amount, const LeastChange& rule, Change& change) {
  const double first = *amount.before, difference = *amount.difference();
  if (first >= rule.least) change.relative_percent = 100 * difference / first;
  const bool unclear = std::abs(difference) <= std::max(rule.least, rule.share * first);
  change.verdict = unclear          ? "no clear change"
                   : difference > 0 ? "more infection"
                                    : "less infection";
  change.verdict_by = name;
}

/// By the share of the lungs, which the distance to the detector does not change, where the lungs
/// of both can be trusted; else by the area.
void judge_xrays(const ComparedStudy& a, const ComparedStudy& b, Change& change) {
  const bool scored = a.no_score.empty() && b.no_score.empty() && !differ(a.lungs, b.lungs);
  if (scored && change.share_percent.difference()) {
    judge("share_percent", change.share_percent, kLeastPoints, change);
  } else if (change.lesion_cm2.difference() &&
             !differ(a.acquisition.pixel_from, b.acquisition.pixel_from)) {
    judge("lesion_cm2", change.lesion_cm2, kLeastCm2, change);
  } else {
    change.verdict = "cannot be told";
  }
}

std::string rule_of(const Change& c) {
  return c.image == ComparedImage::ct ? kRuleOfCt : kRuleOfXrays;
}

std::string scale_of(const Change& c) {
  return c.image == ComparedImage::ct ? "six zones" : "two lungs";
}

ordered_json definitions_of(ComparedImage image) {
  if (image == ComparedImage::ct) {
    return {{"verdict", std::string("no clear change: ") + kRuleOfCt},
            {"relative_percent", "of the first study's ml; null below 1 ml"},
            {"share_percent", "infected part of the lungs or region; change in percentage points"},
            {"score", "of six zones, 0 to 24"},
            {"method", "whole lungs, zones and lobes are compared; nothing is registered"}};
  }
  return {{"verdict", std::string("no clear change: ") + kRuleOfXrays +
                          ". A rule of thumb: how far X-rays of unchanged lungs lie apart was not "
                          "measured"},
          {"relative_percent",
           "of the first study's number that verdict_by names; null below 2 points or 10 cm2"},
          {"share_percent", "infected part of the lungs or of one; change in percentage points"},
          {"score", "of two lungs, 0 to 8"},
          {"method", "whole lungs are compared in the projection; nothing is registered"}};
}

}  // namespace

std::optional<double> BeforeAfter::difference() const {
  return before && after ? std::optional(*after - *before) : std::nullopt;
}

Change change_between(const fs::path& before, const fs::path& after, SamePatient same) {
  const ComparedStudy a = read_compared_study(before), b = read_compared_study(after);
  if (a.image != b.image) {
    fail(ErrorKind::data, before.string() + " and " + after.string() +
                              ": are a CT and a chest X-ray, expected two of a kind to compare");
  }
  check_patients(a, b, same);
  return change_of(a, b);
}

Change change_of(const ComparedStudy& a, const ComparedStudy& b) {
  Change change;
  change.before = a.input;
  change.after = b.input;
  change.image = a.image;
  if (a.image == ComparedImage::ct) change.lesion_ml = {a.lesion_ml, b.lesion_ml};
  change.lesion_cm2 = {a.lesion_cm2, b.lesion_cm2};
  change.lung_cm2 = {a.lung_cm2, b.lung_cm2};
  change.lung_ml = {a.lung_ml, b.lung_ml};
  change.share_percent = {a.share_percent, b.share_percent};
  change.score = {a.score, b.score};
  const auto day_before = day_of(a.patient), day_after = day_of(b.patient);
  if (day_before && day_after) change.days = *day_after - *day_before;
  change.regions = regions_of(a.region_percent, b.region_percent);
  if (!a.lobes_from.empty() && a.lobes_from == b.lobes_from) {
    change.lobes = regions_of(a.lobe_percent, b.lobe_percent);
    change.lobe_score = {a.lobe_score, b.lobe_score};
    change.lobes_from = a.lobes_from;
  }
  if (a.image == ComparedImage::ct) {
    judge("lesion_ml", change.lesion_ml, kLeastMl, change);
  } else {
    judge_xrays(a, b, change);
  }
  change.warnings = warnings_of(a, b, change);
  return change;
}

std::string change_sentence(const Change& c) {
  const auto pair = [](const std::string& what, const BeforeAfter& value, const std::string& unit) {
    if (!value.before || !value.after) return std::string();
    const auto shown = [&](double v) { return fixed(v, unit.empty() ? 0 : 1); };
    return ", " + what + " " + shown(*value.before) + " and now " + shown(*value.after) + unit;
  };
  return c.verdict + (c.days ? " in " + std::to_string(*c.days) + " days" : "") +
         pair("lesion", c.lesion_ml, " ml") + pair("lesion", c.lesion_cm2, " cm2") +
         pair("share of the lungs", c.share_percent, " %") + pair("lungs", c.lung_ml, " ml") +
         pair("lungs", c.lung_cm2, " cm2") + pair("points of " + scale_of(c), c.score, "") +
         ". No clear change means: " + rule_of(c) + ". " +
         (c.image == ComparedImage::ct
              ? "Whole lungs and zones are compared; nothing is registered."
              : "Whole lungs are compared in the projection; nothing is registered.");
}

void keep_change(const Change& change, const fs::path& before, const fs::path& folder) {
  const fs::path path = folder / "summary.json";
  auto document = ordered_json::parse(read_file(path), nullptr, false);
  if (!document.is_object()) fail(ErrorKind::data, path.string() + ": is damaged");
  ordered_json kept = change_json(change);
  kept.erase("note");
  kept["sentence"] = change_sentence(change);
  if (const fs::path report = report_of(before); !report.empty()) {
    const EarlierObject earlier = read_earlier_object(report);
    kept["before_report"] = {{"study", earlier.study},
                             {"series", earlier.series},
                             {"sop_class", earlier.sop_class},
                             {"sop_instance", earlier.sop_instance}};
  }
  for (auto& one : document["cases"]) {
    if (compared_image(one) == change.image) one["change"] = kept;
  }
  write_file(path, json_text(document, 1) + "\n");
}

ordered_json change_json(const Change& c) {
  ordered_json lobes = nullptr;
  if (!c.lobes_from.empty()) {
    lobes = {{"from", c.lobes_from},
             {"score", json_of(c.lobe_score)},
             {"regions", json_of(c.lobes)},
             {"note", note_of_lobes(c.lobes_from)}};
  }
  return {{"before", c.before},
          {"after", c.after},
          {"days", c.days ? ordered_json(*c.days) : ordered_json(nullptr)},
          {"image", c.image == ComparedImage::ct ? "ct" : "xray"},
          {"verdict", c.verdict},
          {"verdict_by", c.verdict_by.empty() ? ordered_json(nullptr) : ordered_json(c.verdict_by)},
          {"lesion_ml", json_of(c.lesion_ml)},
          {"lesion_cm2", json_of(c.lesion_cm2)},
          {"relative_percent",
           c.relative_percent ? ordered_json(*c.relative_percent) : ordered_json(nullptr)},
          {"lung_ml", json_of(c.lung_ml)},
          {"lung_cm2", json_of(c.lung_cm2)},
          {"share_percent", json_of(c.share_percent)},
          {"score", json_of(c.score)},
          {"regions", json_of(c.regions)},
          {"lobes", lobes},
          {"definitions", definitions_of(c.image)},
          {"warnings", c.warnings},
          {"note", kNotAMedicalDevice}};
}

}  // namespace groundglass
