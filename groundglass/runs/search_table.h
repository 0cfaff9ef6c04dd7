#pragma once

#include "groundglass/evaluate/study_table.h"
#include "groundglass/runs/search_run.h"

namespace groundglass {

/// A search as far as it has come, as tables. Nothing in them depends on which process trained
/// what, nor on how often one was killed; times stand in the document alone.
struct SearchTable {
  TableCells trials;  ///< best first: rank, trial, values, score at each rung, best epoch, note
  TableCells rungs;   ///< epochs, trials that began, that failed, and the best score
  nlohmann::ordered_json json;
};

SearchTable search_table(const SearchPlan& plan, const SearchStanding& standing);

/// The best trial's recipe as `train` takes it, under a line that says where it is from.
std::string best_recipe_text(const SearchPlan& plan, const SearchStanding& standing);

/// Epochs of all trials and folds that are done.
int64_t epochs_done(const SearchPlan& plan, const SearchStanding& standing);

}  // namespace groundglass
