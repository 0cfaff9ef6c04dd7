#pragma once

#include <string>
#include <vector>

#include "groundglass/annotate/store.h"
#include "groundglass/cli/context.h"

namespace groundglass {

// One function for each word after `annotate`.
void add_annotate_propose(CLI::App& annotate, Context& context);
void add_annotate_choose(CLI::App& annotate, Context& context);
void add_annotate_export(CLI::App& annotate, Context& context);
void add_annotate_simulate(CLI::App& annotate, Context& context);

/// Which networks propose, and how those that are trained for it are trained.
struct ProposeArguments {
  std::vector<std::string> recipes, runs, models;
  int64_t stage = 1, folds = 0, epochs = 0, cases_per_page = 25, side = 384;
  bool restart = false;
};

/// Their options, for the verbs that let networks propose.
void add_propose_options(CLI::App* verb, ProposeArguments& a, Context& context);

/// Trains or loads the networks, keeps their proposals, closes the round and writes what the
/// annotators are handed. Goes on where a killed call stopped.
Round propose_round(AnnotationStore& store, const ProposeArguments& a, const Context& context,
                    Observer& observer);

/// The project of a data set: begun, or found as it was begun.
AnnotationStore begin_project(const std::string& dataset, const std::filesystem::path& project,
                              const DataOptions& data, const Context& context, Observer& observer);

/// --mask, --labels and --classes, as `evaluate` has them.
void add_mask_options(CLI::App* verb, DataOptions& data);

}  // namespace groundglass
