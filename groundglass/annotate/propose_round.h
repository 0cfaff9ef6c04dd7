#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "groundglass/annotate/store.h"
#include "groundglass/core/events.h"
#include "groundglass/runs/run_settings.h"

namespace groundglass {

/// Which networks propose in a round, and how those that are trained for it are trained.
struct ProposeJob {
  std::vector<std::string> recipes;  ///< networks to train
  std::vector<std::string> runs;     ///< trained ones: folders of folds, or runs
  std::vector<std::string> models;   ///< run folders, weights files or bundled names
  int64_t stage = 1;                 ///< 1: cases with manual masks, out of fold; 2: those without
  int64_t folds = 0, epochs = 0;     ///< instead of the recipes'; 0 leaves them
  int64_t cases_per_page = 25;       ///< of a page that annotators are handed
  int64_t side = 384;                ///< pixels of one picture in a panel
  bool restart = false;              ///< give up an unfinished round with its networks
  RunSettings settings = {};
};

/// Trains or loads the networks, keeps their proposals, closes the round and writes what the
/// annotators are handed. Goes on where a killed call stopped. Throws Error(usage) if no network is
/// named, Error(data) for a stage without cases and proposals that would not be out of fold.
Round propose_round(AnnotationStore& store, const ProposeJob& job, Observer& observer);

}  // namespace groundglass
