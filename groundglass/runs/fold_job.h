#pragma once

#include <vector>

#include "groundglass/core/engine.h"
#include "groundglass/core/events.h"
#include "groundglass/evaluate/cross_validation.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/runs/run_folder.h"
#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// One network to train: a recipe on one split of a prepared set, in a folder of its own.
struct FoldJob {
  RunFolder run;
  Recipe recipe;
  const PreparedSet* set = nullptr;
  Split split = {};
  Engine engine = {};
  int64_t fold = 0;                    ///< number of the split, for tables
  const PreparedSet* lungs = nullptr;  ///< [cascade]: the same images with lung masks
};

/// Begins a run folder, or finds one that can be gone on with: writes recipe.toml, split.json and
/// environment.json. Throws Error(usage) if the folder holds a run of another recipe or split.
void begin_run(const FoldJob& job);

/// Rows that a network of this split may know: to train and to validate on, copies left out.
std::vector<int64_t> rows_seen(const Split& split);

/// What is noted beside the weights of a network that is trained so: weights_notes() and what its
/// training and validation images look like.
WeightsNotes notes_of_training(const FoldJob& job);

/// Trains one fold from a recipe in a run folder (going on with what is there), chooses the
/// threshold if the recipe says so, scores the test rows and keeps their scores in test.json. A
/// finished fold is read back, not trained again.
FoldScores train_fold(const FoldJob& job, Observer& observer = silent_observer());

/// Chooses the threshold of a trained network if the recipe says so, and writes it into the notes
/// of the run's weights; scores the test rows and keeps their scores in test.json.
///
/// model       the network whose weights lie in the run folder
/// best_epoch  for the scores; 0 if nothing was trained
FoldScores score_fold(const FoldJob& job, SegmentationModel& model, int64_t best_epoch = 0);

/// The training of train_fold() up to the end of epoch `epochs` of the recipe's, or of its
/// patience, and no further: no threshold is chosen and no test row looked at. A later call with
/// more epochs, or train_fold(), goes on from there as if there had been no pause. Returns all
/// epochs that the folder holds, which may be more.
std::vector<EpochDone> train_epochs(const FoldJob& job, int64_t epochs,
                                    Observer& observer = silent_observer());

/// Throws Error(recipe) unless the set was prepared as the recipe says, its images have the
/// network's channels and a size that it can take, and masks, recipe, network and loss agree on the
/// number of classes.
void check_set_fits(const Recipe& recipe, const PreparedSet& set);

}  // namespace groundglass
