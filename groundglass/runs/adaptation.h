#pragma once

#include <functional>
#include <set>

#include "groundglass/adapt/pseudo_set.h"
#include "groundglass/runs/fold_job.h"

namespace groundglass {

/// How a fold is trained: train_fold(), or the same with something to look at besides.
using TrainFold = std::function<FoldScores(const FoldJob& job, Observer& observer)>;

/// A trained network and the images it is to be fitted to.
struct AdaptJob {
  std::filesystem::path teacher;  ///< run folder or weights file
  Recipe recipe;                  ///< the teacher's, with [adapt] and what else is changed
  double cutoff = 0.5;            ///< t, chosen on the source
  const PreparedSet* target = nullptr;
  std::vector<int64_t> target_rows;
  const PreparedSet* source = nullptr;  ///< may be missing: see [adapt] stop_on
  Split source_split;                   ///< the teacher's, in the source
  std::set<std::string> trained_ids;    ///< without a source: rows the teacher was trained on
  Engine engine;
  RunFolder run;  ///< of the adapted network
  TrainFold train = train_fold;
};

/// What adaptation did. Without masks in the target there are no scores.
struct AdaptOutcome {
  std::vector<SelectionReport> rounds;
  std::set<std::string> labelled;         ///< ids of the slices pseudo-labelled in any round
  std::vector<ScoredItem> before, after;  ///< every target row with a mask, at the cut-off
};

/// Fits a trained network to images without labels: in each round it labels the target
/// (make_pseudo_set) and is trained on, from its own weights with a fresh optimiser, on what it was
/// sure of. The run folder is one like any other; earlier rounds lie in round_1 and so on inside
/// it. Besides it holds what make_pseudo_set writes, start.safetensors (the weights a round began
/// with), before.json and test.json (scores of the target, if it has masks) and adaptation.json.
/// A killed call may be repeated and goes on; a finished one is read back.
///
/// Enshaei et al., paper 003, "Generalisation enhancement", steps 1 to 6.
/// Differs: everything that [adapt] can do besides its defaults is ours.
///
/// Throws Error(recipe) if the target was prepared otherwise, Error(data) for patients of the
/// target that the teacher was trained on (strict mode; a warning in paper mode), NothingChosen,
/// Error(usage) for a missing source or a folder that holds another adaptation. Nothing is written
/// before these are known, except of rounds that have ended.
AdaptOutcome adapt(const AdaptJob& job, Observer& observer = silent_observer());

/// The items that were never pseudo-labelled.
std::vector<ScoredItem> not_labelled(const std::vector<ScoredItem>& items,
                                     const AdaptOutcome& outcome);

/// Selection, scores before and after, and those of the rest, as `adapt --json` prints them.
nlohmann::ordered_json adaptation_json(const AdaptJob& job, const AdaptOutcome& outcome);

}  // namespace groundglass
