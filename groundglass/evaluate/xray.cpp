#include "groundglass/evaluate/xray.h"

#include <algorithm>

#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json.h"
#include "groundglass/core/text.h"
#include "groundglass/data/dataset.h"
#include "groundglass/evaluate/detection.h"
#include "groundglass/evaluate/severity.h"
#include "groundglass/evaluate/table_cells.h"
#include "groundglass/metrics/proportion_interval.h"

namespace groundglass {
using nlohmann::ordered_json;

std::vector<Xray> read_xrays(const std::string& table, const std::vector<std::string>& severity) {
  const CsvTable csv = read_csv(table);
  const bool lungs = csv.column("lung") >= 0;
  const Dataset dataset = read_dataset(table, {lungs ? "lung" : ""});
  for (const auto& column : severity) {
    if (csv.column(column) < 0) {
      fail(ErrorKind::data,
           table + ": has no column " + in_quotes(column) + did_you_mean(column, csv.header));
    }
  }
  std::vector<Xray> xrays;
  for (size_t i = 0; i < dataset.rows.size(); ++i) {
    const auto& row = dataset.rows[i];
    Xray xray{.path = row.image,
              .lung = lungs ? row.mask : std::filesystem::path(),
              .stem = row.id,
              .patient = row.patient,
              .label = row.label,
              .zones = {}};
    for (const auto& column : severity) {
      const auto& cells = csv.rows[i].cells;
      const auto& text = cells[static_cast<size_t>(csv.column(column))];
      if (text.empty()) continue;
      brixia_sum(text, table + ":" + std::to_string(csv.rows[i].line));
      xray.zones[column] = text;
    }
    xrays.push_back(std::move(xray));
  }
  return xrays;
}

void check_xray_labels(const std::vector<Xray>& xrays, const std::vector<std::string>& positive) {
  std::vector<std::string> labels;
  for (const auto& xray : xrays) labels.push_back(xray.label);
  check_labels(labels, positive);
}

ordered_json xray_json(const Xray& xray, const XrayFinding& finding) {
  ordered_json image = {{"input", xray.path.string()},
                        {"infected", finding.infected},
                        {"highest_probability", finding.highest},
                        {"detector", finding.detector},
                        {"infected_fraction", finding.infected_fraction},
                        {"infected_fraction_of_lung", optional_json(finding.lung_fraction)},
                        {"heat_in_lung", optional_json(finding.heat_in_lung)},
                        {"label", xray.label},
                        {"map", nullptr},
                        {"warnings", finding.warnings}};
  if (!finding.map.empty()) image["map"] = finding.map.string();
  return image;
}

ordered_json xray_score_json(const std::vector<Xray>& xrays,
                             const std::vector<XrayFinding>& findings,
                             const std::vector<std::string>& positive) {
  check_xray_labels(xrays, positive);
  std::vector<ImageScore> called, highest;
  for (size_t i = 0; i < xrays.size(); ++i) {
    const bool infected =
        std::find(positive.begin(), positive.end(), xrays[i].label) != positive.end();
    called.push_back({findings[i].infected ? 1.0 : 0.0, infected});
    highest.push_back({findings[i].detector_probability.value_or(findings[i].highest), infected});
  }
  const Counts c = count_images(called, 0.5);
  const auto scores = seven_scores(c, auc(highest));
  const auto shares = share_intervals(c);
  ordered_json out = {{"tn", c.tn}, {"fp", c.fp}, {"fn", c.fn}, {"tp", c.tp}};
  for (size_t i = 0; i < scores.size(); ++i) {
    out[detection_score_names()[i]] = optional_json(scores[i]);
  }
  out["wilson95"] = {{"sensitivity", interval_json(shares.sensitivity)},
                     {"specificity", interval_json(shares.specificity)},
                     {"precision", interval_json(shares.precision)},
                     {"accuracy", interval_json(shares.accuracy)}};
  return out;
}

ordered_json xray_severity_json(const std::vector<Xray>& xrays,
                                const std::vector<XrayFinding>& findings,
                                const std::string& column) {
  std::vector<SeverityPair> pairs;
  for (size_t i = 0; i < xrays.size(); ++i) {
    const auto zones = xrays[i].zones.find(column);
    if (zones == xrays[i].zones.end()) continue;
    pairs.push_back({.patient = xrays[i].patient,
                     .measured = findings[i].lung_fraction.value_or(findings[i].infected_fraction),
                     .read = static_cast<double>(brixia_sum(zones->second, column))});
  }
  const auto agreement = severity_agreement(pairs);
  return {{"spearman", optional_json(agreement.spearman)},
          {"interval95", interval_json(agreement.interval)},
          {"images", agreement.images},
          {"patients", agreement.patients}};
}

}  // namespace groundglass
