#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/evaluate/calibration_table.h"
#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// How well the probabilities of a run hold, before and after the temperature that was fitted.
struct RunCalibration {
  CalibrationOptions options;        ///< with the temperature
  std::vector<CalibrationSet> sets;  ///< validation, then test, which may be empty
  size_t fitted_slices = 0;          ///< validation slices that the temperature was fitted on
  nlohmann::ordered_json document;   ///< what calibration.json holds
};

/// Fits the temperature of a run's probabilities on the slices with masks of its validation
/// patients, and measures calibration there and on the test patients, before and after.
///
/// trained  from a run folder, whose split is read
/// set      that it was trained on; must outlive the result
/// options  near_pixels and fit; the temperature is found
///
/// Throws Error(data) if no validation slice has a mask, Error(checkpoint) as
/// RunFolder::read_split() does.
RunCalibration calibrated(const TrainedModel& trained, const PreparedSet& set,
                          CalibrationOptions options, const Engine& engine);

/// Before and after as a table in Markdown, a line for each list, domain and region.
std::string calibration_markdown(const RunCalibration& found);

/// calibration.csv, calibration.md, reliability.png (full build), and at last calibration.json, by
/// which stored_temperature() goes from then on if the folder is the run's. Throws Error(data) if
/// they cannot be written.
void write_calibration(const std::filesystem::path& folder, const RunCalibration& found);

}  // namespace groundglass
