#pragma once

#include <functional>
#include <optional>

#include "groundglass/core/claim.h"
#include "groundglass/core/engine.h"
#include "groundglass/runs/fold_job.h"
#include "groundglass/runs/search_plan.h"

namespace groundglass {

/// What a training of one fold came to by the end of a rung.
struct FoldOutcome {
  double score = -1;       ///< highest monitor on the validation rows
  int64_t best_epoch = 0;  ///< that had it; 1 is the first
  double seconds = 0;      ///< of all epochs up to the rung's end, whoever trained them
  std::string failure;     ///< why there is no score, or empty
};

/// The same of all folds together.
struct RungOutcome {
  std::optional<double> score;  ///< mean over the folds; nothing if one failed
  std::vector<FoldOutcome> folds;
};

/// A trial as far as it has come.
struct TrialStanding {
  int64_t number = 0;
  std::vector<RungOutcome> rungs;  ///< those it has finished

  bool failed() const { return !rungs.empty() && !rungs.back().score; }
  std::string failure() const;
};

/// A search as far as it has come: read from its folder alone, so that all processes see the same.
struct SearchStanding {
  std::vector<TrialStanding> trials;          ///< all of them, by number
  std::vector<std::vector<int64_t>> members;  ///< of each rung that has begun, by number
  bool finished = false;
  std::vector<int64_t> ranking;  ///< trials with an outcome, best first: failed ones last, then by
                                 ///< the last rung, its score, and the smaller number

  /// The best trial. Throws Error(recipe) with the first reason if all have failed.
  int64_t winner() const;
};

SearchStanding search_standing(const SearchPlan& plan, const std::filesystem::path& output);

/// The run folder of a trial's fold.
std::filesystem::path trial_folder(const std::filesystem::path& output, int64_t trial,
                                   int64_t fold);

/// Writes OUTPUT/plan.json, or finds it there. `surroundings` are lines that must be the same in
/// all processes (data, arithmetic). Throws Error(usage) with the first line that differs if the
/// folder holds another search.
void begin_search(const SearchPlan& plan, const std::filesystem::path& output,
                  const std::vector<std::string>& surroundings);

/// Trains a fold of a trial until so many epochs are done. Throws Error(recipe) for a training that
/// cannot go on, ClaimLost if the claim was.
using TrainTrial =
    std::function<FoldOutcome(const Trial&, int64_t fold, int64_t epochs,
                              const std::filesystem::path& folder, const Claim& claim)>;

/// A search in a folder that other processes may share.
struct SearchJob {
  const SearchPlan* plan = nullptr;
  std::filesystem::path output;
  TrainTrial train;
  Claims* claims = nullptr;
  std::function<void(const SearchStanding&)> told;  ///< after each training of ours
  std::function<void(size_t)> waiting;              ///< so many trainings of others are waited for
};

/// Runs what is left of a search, rung after rung: a rung begins when the one before has ended, so
/// that who goes on does not depend on how many processes there are. What a training came to stands
/// in rung_N.json of its folder; a killed process's training is taken over by another one, or by
/// the next call, from its last state. A training that ends with Error(recipe) (a loss that is no
/// number) has failed and holds nobody up.
SearchStanding run_search(const SearchJob& job);

/// What a fold of a trial is trained on.
struct TrialData {
  const PreparedSet* set = nullptr;
  Split split;
};

/// train_epochs() as a search needs it. `data_of` gives the data of a fold of a recipe.
TrainTrial trial_trainer(std::function<TrialData(const Recipe&, int64_t fold)> data_of,
                         const Engine& engine, Observer& observer);

/// The highest monitor of the first epochs. Throws Error(checkpoint) if there are none.
FoldOutcome outcome_of(const std::vector<EpochDone>& history, int64_t epochs);

}  // namespace groundglass
