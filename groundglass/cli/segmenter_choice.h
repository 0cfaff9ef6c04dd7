#pragma once

#include "groundglass/cli/model_choice.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {

/// What runs a network, as the command line says.
struct RunnerChoice {
  std::string engine = "auto", plans;
};

/// --engine and --plans, for verbs that only run a network.
void add_runner_options(CLI::App* verb, RunnerChoice& choice);

/// How a trained model segments: its own preprocessing, threshold and temperature, the engine asked
/// for, and stored plans beside the weights, or in the user's cache where that folder cannot be
/// written to. Throws Error(usage) for an unknown engine.
SegmenterOptions segmenter_options(const TrainedModel& trained, const RunnerChoice& choice,
                                   const Context& context);

}  // namespace groundglass
