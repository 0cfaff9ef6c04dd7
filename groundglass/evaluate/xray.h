#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace groundglass {

/// A chest X-ray that is to be called infected or not, and what a table says of it.
struct Xray {
  std::filesystem::path path, lung;  ///< the picture; its lung mask, or empty
  std::string stem, patient, label;
  std::map<std::string, std::string> zones;  ///< readers' Brixia zones, by column
};

/// What a network says of it.
struct XrayFinding {
  bool infected = false;                ///< called_infected() of `highest`, or as its detector says
  double highest = 0;                   ///< highest_probability(), on the network's grid
  double infected_fraction = 0;         ///< of the picture's own pixels
  std::optional<double> lung_fraction;  ///< of the pixels of the lung mask
  std::optional<double> heat_in_lung;   ///< see HeatShare
  std::optional<double> detector_probability;  ///< that it is infected, where a detector looked
  nlohmann::ordered_json detector = nullptr;   ///< what it said, for documents
  std::filesystem::path map;                   ///< the infection map that was written, or empty
  std::vector<std::string> warnings;
};

/// The X-rays of a table, with the zones in the columns `severity`. Throws Error(data) for columns
/// that are not there and zones that brixia_sum() refuses.
std::vector<Xray> read_xrays(const std::string& table, const std::vector<std::string>& severity);

/// check_labels() on the labels of the X-rays.
void check_xray_labels(const std::vector<Xray>& xrays, const std::vector<std::string>& positive);

/// {"input","infected","highest_probability","infected_fraction",..}: a line of detect.json.
nlohmann::ordered_json xray_json(const Xray& xray, const XrayFinding& finding);

/// Findings against labels: {"tn","fp","fn","tp"}, the seven scores (AUC of `highest`, or of the
/// detector's probability where one looked at each), and under
/// "wilson95" Wilson's intervals of shares, undefined numbers null. `positive` are the labels of
/// infected images; throws as check_labels() does. Both lists are equally long.
nlohmann::ordered_json xray_score_json(const std::vector<Xray>& xrays,
                                       const std::vector<XrayFinding>& findings,
                                       const std::vector<std::string>& positive);

/// How the infected share of the lungs (of the picture where there is no mask) goes with the zones
/// of a column: {"spearman","interval95","images","patients"}.
nlohmann::ordered_json xray_severity_json(const std::vector<Xray>& xrays,
                                          const std::vector<XrayFinding>& findings,
                                          const std::string& column);

}  // namespace groundglass
