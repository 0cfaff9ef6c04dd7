#pragma once

#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/propose_round.h"
#include "groundglass/cli/context.h"

namespace groundglass {

// One function for each word after `annotate`.
void add_annotate_propose(CLI::App& annotate, Context& context);
void add_annotate_choose(CLI::App& annotate, Context& context);
void add_annotate_export(CLI::App& annotate, Context& context);
void add_annotate_simulate(CLI::App& annotate, Context& context);

/// The options of a ProposeJob, for the verbs that let networks propose.
void add_propose_options(CLI::App* verb, ProposeJob& job, Context& context);

/// --mask, --labels and --classes, as `evaluate` has them.
void add_mask_options(CLI::App* verb, DataOptions& data);

}  // namespace groundglass
