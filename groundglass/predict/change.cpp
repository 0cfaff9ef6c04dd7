#include "groundglass/predict/change.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/dicom_patient.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr double kLeastMl = 1, kLeastShare = 0.1;
constexpr double kOtherBreath = 0.15;

/// One result: the document and the one case in it.
struct Result {
  fs::path folder;
  ordered_json document, found;
  std::optional<StudyOfPatient> study;
};

Result read_result(const fs::path& folder) {
  const fs::path path = folder / "summary.json";
  if (!fs::is_regular_file(path)) {
    fail(ErrorKind::data, folder.string() +
                              ": holds no summary.json, expected an output folder "
                              "of predict");
  }
  Result result{folder, ordered_json::parse(read_file(path), nullptr, false), {}, {}};
  std::vector<ordered_json> volumes;
  if (result.document.is_object()) {
    for (const auto& one : result.document.value("cases", ordered_json::array())) {
      if (one.contains("lesion_ml") && one["lesion_ml"].is_number()) volumes.push_back(one);
    }
  }
  if (volumes.size() != 1) {
    fail(ErrorKind::data, path.string() + ": holds " + std::to_string(volumes.size()) +
                              " volumes in HU, expected one to compare");
  }
  result.found = volumes.front();
  for (const auto& object : result.found.value("dicom_objects", ordered_json::array())) {
    const fs::path file = folder / object.value("file", "");
    if (!result.study && fs::is_regular_file(file)) result.study = read_study_of_patient(file);
  }
  return result;
}

void check_patients(const Result& a, const Result& b, SamePatient same) {
  if (same == SamePatient::given) return;
  for (const auto* result : {&a, &b}) {
    if (result->study && !result->study->patient_id.empty()) continue;
    fail(ErrorKind::data, result->folder.string() +
                              ": holds no DICOM object that names its patient; predict with "
                              "--dicom sr, or say --same-patient");
  }
  if (a.study->patient_id != b.study->patient_id || a.study->issuer != b.study->issuer) {
    fail(ErrorKind::data, a.folder.string() + " and " + b.folder.string() +
                              ": are of different patients by PatientID and its issuer; say "
                              "--same-patient if they are not");
  }
}

std::optional<double> number_of(const ordered_json& found, const char* key) {
  const auto at = found.find(key);
  return at != found.end() && at->is_number() ? std::optional(at->get<double>()) : std::nullopt;
}

std::optional<double> percent_of(std::optional<double> fraction) {
  return fraction ? std::optional(100 * *fraction) : std::nullopt;
}

std::optional<double> score_of(const ordered_json& found) {
  const auto severity = found.find("severity");
  return severity == found.end() || severity->is_null() ? std::nullopt
                                                        : number_of(*severity, "score");
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

/// Shares of the regions that both studies have.
std::vector<RegionChange> regions_of(const ordered_json& before, const ordered_json& after) {
  const auto shares = [](const ordered_json& found) {
    std::vector<std::pair<std::string, double>> all;
    const auto severity = found.find("severity");
    if (severity == found.end() || severity->is_null() || (*severity)["score"].is_null())
      return all;
    for (const auto& r : (*severity)["regions"]) {
      const auto voxels = r.at("voxels").get<double>();
      if (voxels > 0) {
        all.emplace_back(r.at("region"), 100 * r.at("infected_voxels").get<double>() / voxels);
      }
    }
    return all;
  };
  std::vector<RegionChange> regions;
  const auto later = shares(after);
  for (const auto& [region, share] : shares(before)) {
    const auto same = std::find_if(later.begin(), later.end(),
                                   [&](const auto& other) { return other.first == region; });
    if (same != later.end()) regions.push_back({region, {share, same->second}});
  }
  return regions;
}

std::vector<std::string> warnings_of(const Result& a, const Result& b, const Change& change) {
  std::vector<std::string> all;
  for (const auto& [key, what] :
       {std::pair("weights_sha256", "weights"), std::pair("threshold", "threshold"),
        std::pair("version", "version of the program")}) {
    if (a.document.value(key, ordered_json()) != b.document.value(key, ordered_json())) {
      all.push_back(std::string("the studies were segmented with another ") + what +
                    "; a difference may be its");
    }
  }
  if (a.found.value("lungs", ordered_json()) != b.found.value("lungs", ordered_json())) {
    all.emplace_back("the lungs were found in two ways; shares cannot be compared");
  }
  if (change.lung_ml.before && change.lung_ml.after) {
    const double ratio = *change.lung_ml.after / *change.lung_ml.before;
    if (std::abs(ratio - 1) > kOtherBreath) {
      all.push_back("the lungs hold " + fixed(*change.lung_ml.before, 0) + " and " +
                    fixed(*change.lung_ml.after, 0) +
                    " ml, more than 15 % apart: another breath changes volumes "
                    "and shares");
    }
  }
  if (change.days && *change.days < 0) {
    all.emplace_back("the first study was made after the second, by their dates");
  }
  for (const auto* result : {&a, &b}) {
    if (const auto n = result->found.value("warnings", ordered_json::array()).size(); n > 0) {
      all.push_back(result->folder.string() + ": has warnings of its own (" + std::to_string(n) +
                    "), see its summary.json");
    }
  }
  return all;
}

ordered_json json_of(const BeforeAfter& value) {
  const auto of = [](const std::optional<double>& v) {
    return v ? ordered_json(*v) : ordered_json(nullptr);
  };
  return {
      {"before", of(value.before)}, {"after", of(value.after)}, {"change", of(value.difference())}};
}

}  // namespace

std::optional<double> BeforeAfter::difference() const {
  return before && after ? std::optional(*after - *before) : std::nullopt;
}

Change change_between(const fs::path& before, const fs::path& after, SamePatient same) {
  const Result a = read_result(before), b = read_result(after);
  check_patients(a, b, same);
  const auto both = [&](const char* key) {
    return BeforeAfter{number_of(a.found, key), number_of(b.found, key)};
  };
  Change change;
  change.before = a.found.value("input", "");
  change.after = b.found.value("input", "");
  change.lesion_ml = both("lesion_ml");
  change.lung_ml = both("lung_ml");
  const BeforeAfter share = both("lesion_fraction_of_lung");
  change.share_percent = {percent_of(share.before), percent_of(share.after)};
  change.score = {score_of(a.found), score_of(b.found)};
  const double first = *change.lesion_ml.before, difference = *change.lesion_ml.difference();
  if (first >= kLeastMl) change.relative_percent = 100 * difference / first;
  const auto day_before = day_of(a.study), day_after = day_of(b.study);
  if (day_before && day_after) change.days = *day_after - *day_before;
  change.regions = regions_of(a.found, b.found);
  const bool unclear = std::abs(difference) <= std::max(kLeastMl, kLeastShare * first);
  change.verdict = unclear          ? "no clear change"
                   : difference > 0 ? "more infection"
                                    : "less infection";
  change.warnings = warnings_of(a, b, change);
  return change;
}

ordered_json change_json(const Change& c) {
  auto regions = ordered_json::array();
  for (const auto& r : c.regions) {
    ordered_json one = {{"region", r.region}};
    one["share_percent"] = json_of(r.share_percent);
    regions.push_back(one);
  }
  return {{"before", c.before},
          {"after", c.after},
          {"days", c.days ? ordered_json(*c.days) : ordered_json(nullptr)},
          {"verdict", c.verdict},
          {"lesion_ml", json_of(c.lesion_ml)},
          {"relative_percent",
           c.relative_percent ? ordered_json(*c.relative_percent) : ordered_json(nullptr)},
          {"lung_ml", json_of(c.lung_ml)},
          {"share_percent", json_of(c.share_percent)},
          {"score", json_of(c.score)},
          {"regions", regions},
          {"definitions",
           {{"verdict",
             "no clear change: within 1 ml or 10 % of the first study, "
             "whichever is more"},
            {"relative_percent", "of the first study's ml; null below 1 ml"},
            {"share_percent", "infected part of the lungs or region; change in percentage points"},
            {"method", "whole lungs and zones are compared; nothing is registered"}}},
          {"warnings", c.warnings},
          {"note", kNotAMedicalDevice}};
}

}  // namespace groundglass
