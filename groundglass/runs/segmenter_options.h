#pragma once

#include <string>

#include "groundglass/predict/segmenter.h"
#include "groundglass/runs/run_settings.h"
#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// What runs a trained network.
struct RunnerChoice {
  RunWith with = RunWith::automatic;
  std::string plans;  ///< folder where plans are kept, or "none"; empty: beside the weights, or in
                      ///< the user's cache where that folder cannot be written to
  bool int8 = false;  ///< in 8-bit numbers, with the ranges that `quantise` found
};

/// How a trained model segments: its own preprocessing, threshold, views and temperature, on the
/// engine and threads of `settings`. Throws as int8_ranges() and stored_temperature() do.
SegmenterOptions segmenter_options(const TrainedModel& trained, const RunSettings& settings,
                                   const RunnerChoice& choice = {});

}  // namespace groundglass
