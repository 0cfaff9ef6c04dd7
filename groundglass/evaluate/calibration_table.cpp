#include "groundglass/evaluate/calibration_table.h"

#include <map>
#include <set>

#include "groundglass/core/csv.h"
#include "groundglass/core/json.h"
#include "groundglass/core/text.h"
#include "groundglass/metrics/bootstrap.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

using Region = CalibrationRow::Region;

void add(Region& to, const Region& from) {
  to.before += from.before;
  to.after += from.after;
}

/// Rows of one patient added up: what the bootstrap draws.
std::vector<CalibrationRow> by_patient(const CalibrationSet& set, const std::string& domain) {
  std::map<std::pair<std::string, std::string>, CalibrationRow> patients;
  for (const auto& r : set.rows) {
    const auto& row = (*set.table)[static_cast<size_t>(r.row)];
    if (!domain.empty() && row.domain != domain) continue;
    auto& sum = patients[{row.domain, row.patient}];
    add(sum.all, r.all);
    add(sum.near, r.near);
  }
  std::vector<CalibrationRow> sums;
  for (auto& [name, sum] : patients) sums.push_back(std::move(sum));
  return sums;
}

/// The interval of a statistic of the bins before and after, over patients.
template <class Pick, class Statistic>
ordered_json interval_json(const std::vector<CalibrationRow>& patients, const Pick& pick,
                           const Statistic& statistic) {
  const auto of_drawn = [&](const std::vector<int64_t>& drawn) {
    ReliabilityBins before, after;
    for (const int64_t i : drawn) {
      const auto [b, a] = pick(patients[static_cast<size_t>(i)]);
      before += *b;
      after += *a;
    }
    return statistic(before, after);
  };
  const auto interval = bootstrap_interval(static_cast<int64_t>(patients.size()), of_drawn);
  if (!interval) return nullptr;
  return {interval->low, interval->high};
}

std::optional<double> difference(const std::optional<double>& after,
                                 const std::optional<double>& before) {
  if (!after || !before) return std::nullopt;
  return *after - *before;
}

ordered_json numbers_json(const CalibrationSums& sums) {
  const auto n = sums.foreground.pixels();
  ordered_json j = {{"pixels", n}};
  j["ece"] = optional_json(expected_calibration_error(sums.foreground));
  j["ece_interval95"] = nullptr;
  j["mce"] = optional_json(maximum_calibration_error(sums.foreground));
  j["confidence_ece"] = optional_json(expected_calibration_error(sums.confidence));
  j["confidence_ece_interval95"] = nullptr;
  j["confidence_mce"] = optional_json(maximum_calibration_error(sums.confidence));
  j["brier"] = optional_json(brier_score(sums));
  j["nll"] = optional_json(negative_log_likelihood(sums));
  return j;
}

/// Expected calibration errors of one kind of bins, with intervals, written into `j`.
template <class Pick>
void add_intervals(ordered_json& j, const std::string& name,
                   const std::vector<CalibrationRow>& patients, const Pick& pick) {
  using Bins = ReliabilityBins;
  j["before"][name + "_interval95"] = interval_json(
      patients, pick,
      [](const Bins& before, const Bins&) { return expected_calibration_error(before); });
  j["after"][name + "_interval95"] = interval_json(
      patients, pick,
      [](const Bins&, const Bins& after) { return expected_calibration_error(after); });
  const auto& before = j["before"][name];
  const auto& after = j["after"][name];
  const bool defined = before.is_number() && after.is_number();
  j[name + "_change"] =
      defined ? ordered_json(after.get<double>() - before.get<double>()) : ordered_json(nullptr);
  j[name + "_change_interval95"] = interval_json(patients, pick, [](const Bins& b, const Bins& a) {
    return difference(expected_calibration_error(a), expected_calibration_error(b));
  });
}

ordered_json region_json(const std::vector<CalibrationRow>& patients,
                         Region CalibrationRow::*region) {
  Region total;
  for (const auto& p : patients) add(total, p.*region);
  ordered_json j = {{"before", numbers_json(total.before)}, {"after", numbers_json(total.after)}};
  const auto bins = [region](ReliabilityBins CalibrationSums::*kind) {
    return [region, kind](const CalibrationRow& p) {
      return std::pair{&((p.*region).before.*kind), &((p.*region).after.*kind)};
    };
  };
  add_intervals(j, "ece", patients, bins(&CalibrationSums::foreground));
  add_intervals(j, "confidence_ece", patients, bins(&CalibrationSums::confidence));
  return j;
}

ordered_json part_json(const CalibrationSet& set, const std::string& domain) {
  const auto patients = by_patient(set, domain);
  int64_t rows = 0;
  for (const auto& r : set.rows) {
    rows += domain.empty() || (*set.table)[static_cast<size_t>(r.row)].domain == domain;
  }
  return {{"rows", rows},
          {"patients", patients.size()},
          {"all", region_json(patients, &CalibrationRow::all)},
          {"near", region_json(patients, &CalibrationRow::near)}};
}

std::string number_text(const ordered_json& value, int digits) {
  return value.is_number() ? fixed(value.get<double>(), digits) : "-";
}

std::string with_interval(const ordered_json& numbers, const std::string& name) {
  std::string text = number_text(numbers.at(name), 4);
  const auto& interval = numbers.at(name + "_interval95");
  if (interval.is_null()) return text;
  return text + " (" + number_text(interval[0], 4) + " to " + number_text(interval[1], 4) + ")";
}

void add_lines(TextTable& table, const std::string& set, const std::string& domain,
               const ordered_json& part) {
  for (const std::string region : {"all", "near"}) {
    for (const std::string stage : {"before", "after"}) {
      const auto& n = part.at(region).at(stage);
      table.rows.push_back({set, domain, part.at("patients").dump(), part.at("rows").dump(), region,
                            stage, with_interval(n, "ece"), with_interval(n, "confidence_ece"),
                            number_text(n.at("mce"), 3), number_text(n.at("brier"), 4),
                            number_text(n.at("nll"), 4)});
    }
  }
}

void add_bins(std::string& csv, const std::vector<std::string>& begin, const ReliabilityBins& b) {
  for (size_t m = 0; m < b.count.size(); ++m) {
    const auto edge = [](size_t i) {
      return shortest(static_cast<double>(i) / ReliabilityBins::kBins);
    };
    auto cells = begin;
    const auto n = static_cast<double>(b.count[m]);
    for (const auto& cell :
         {std::to_string(m), edge(m), edge(m + 1), std::to_string(b.count[m]),
          b.count[m] > 0 ? shortest(b.sum[m] / n) : std::string(),
          b.count[m] > 0 ? shortest(static_cast<double>(b.hits[m]) / n) : std::string()}) {
      cells.push_back(cell);
    }
    csv += csv_line(cells);
  }
}

}  // namespace

ordered_json calibration_json(const CalibrationSet& set) {
  ordered_json j = part_json(set, "");
  j["domains"] = ordered_json::object();
  std::set<std::string> domains;
  for (const auto& r : set.rows) domains.insert((*set.table)[static_cast<size_t>(r.row)].domain);
  for (const auto& name : domains) j["domains"][name] = part_json(set, name);
  return j;
}

TextTable calibration_text(const ordered_json& document) {
  TextTable table;
  table.title = "Calibration, temperature " + fixed(document.at("temperature").get<double>(), 4);
  table.note = "ECE in " + document.at("bins").dump() +
               " bins of the foreground's probability and "
               "of the most probable class's (confidence), 95 % intervals over patients. near: "
               "within " +
               document.at("near_pixels").dump() + " pixels of a true or predicted lesion pixel.";
  table.head = {"rows of",           "domain", "patients", "slices", "pixels", "stage", "ECE",
                "ECE of confidence", "MCE",    "Brier",    "NLL"};
  for (const std::string set : {"validation", "test"}) {
    const auto& part = document.at(set);
    if (part.is_null()) continue;
    add_lines(table, set, "all", part);
    if (part.at("domains").size() < 2) continue;
    for (const auto& [name, domain] : part.at("domains").items())
      add_lines(table, set, name, domain);
  }
  return table;
}

std::string calibration_csv(const std::vector<CalibrationSet>& sets) {
  std::string csv = csv_line({"set", "region", "binned", "stage", "bin", "low", "high", "pixels",
                              "mean_probability", "share"});
  for (const auto& set : sets) {
    const CalibrationRow sum = pooled(set);
    for (const auto& [region, stages] :
         {std::pair{"all", &sum.all}, std::pair{"near", &sum.near}}) {
      for (const auto& [stage, sums] :
           {std::pair{"before", &stages->before}, std::pair{"after", &stages->after}}) {
        add_bins(csv, {set.name, region, "foreground", stage}, sums->foreground);
        add_bins(csv, {set.name, region, "confidence", stage}, sums->confidence);
      }
    }
  }
  return csv;
}

CalibrationRow pooled(const CalibrationSet& set) {
  CalibrationRow sum;
  for (const auto& r : set.rows) {
    add(sum.all, r.all);
    add(sum.near, r.near);
  }
  return sum;
}

}  // namespace groundglass
