#pragma once

#include "groundglass/cli/model_choice.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {

/// What runs a network, as the command line says.
struct RunnerChoice {
  std::string engine = "auto", plans;
  bool int8 = false;  ///< --precision int8 is understood
};

/// --engine, --plans and --precision int8, for verbs that only run a network. After
/// add_engine_options().
void add_runner_options(CLI::App* verb, RunnerChoice& choice);

/// How a trained model segments: its own preprocessing, threshold and temperature, the engine asked
/// for, and stored plans beside the weights, or in the user's cache where that folder cannot be
/// written to. Throws Error(usage) for an unknown engine, and as int8_ranges() does.
SegmenterOptions segmenter_options(const TrainedModel& trained, const RunnerChoice& choice,
                                   const Context& context);

}  // namespace groundglass
