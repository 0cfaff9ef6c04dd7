#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/data/prepared_set.h"
#include "groundglass/evaluate/detection_tables.h"
#include "groundglass/train/calibration_score.h"

namespace groundglass {

/// The scored rows of one list of a split, with the table they are rows of.
struct CalibrationSet {
  std::string name;  ///< "validation" or "test"
  std::vector<CalibrationRow> rows;
  const std::vector<PreparedRow>* table = nullptr;
};

/// {"rows","patients","all":{"before":{..},"after":{..},"ece_change":{..}},"near":{..},
/// "domains":{name:{..}}}. Expected calibration errors have intervals bootstrapped over patients,
/// and so has their change, from the same draws; undefined numbers are null.
nlohmann::ordered_json calibration_json(const CalibrationSet& set);

/// Before and after, a line for each list, domain and region, from the documents of both lists.
TextTable calibration_text(const nlohmann::ordered_json& document);

/// set, region, binned, stage, bin, low, high, pixels, mean_probability, share: the bins of all
/// rows together. `binned` is "foreground" or "confidence".
std::string calibration_csv(const std::vector<CalibrationSet>& sets);

/// All rows of a list added up.
CalibrationRow pooled(const CalibrationSet& set);

}  // namespace groundglass
