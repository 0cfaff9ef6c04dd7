#pragma once

#include <string>

#include "groundglass/cli/context.h"
#include "groundglass/runs/segmenter_options.h"

namespace groundglass {

/// What runs a network, as the command line says.
struct RunnerFlags {
  std::string engine = "auto", plans;
};

/// --engine, --plans and --precision int8, for verbs that only run a network. After
/// add_engine_options().
void add_runner_options(CLI::App* verb, RunnerFlags& flags);

/// What these flags say. Throws Error(usage) for an unknown engine.
RunnerChoice runner_choice(const RunnerFlags& flags, const Context& context);

/// run_settings() for verbs whose --precision may be int8.
RunSettings settings_of_runner(const Context& context);

/// segmenter_options() as these flags and those of every verb say. Throws Error(usage) for an
/// unknown engine.
SegmenterOptions segmenter_options(const TrainedModel& trained, const RunnerFlags& flags,
                                   const Context& context);

}  // namespace groundglass
