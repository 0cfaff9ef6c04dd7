#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "groundglass/data/typicality.h"
#include "groundglass/evaluate/cross_validation.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/train/trainer.h"

namespace groundglass {

/// A network as it was trained, with all that is needed to use it.
struct TrainedModel {
  std::string name;  ///< of the file or run, as a user knows it
  ModelPtr model;    ///< in evaluation mode
  Recipe recipe;
  double threshold = 0.5;
  std::string weights_sha256;
  std::filesystem::path path;  ///< run folder or file it was read from
  double temperature = 1;      ///< that the weights file carries; see stored_temperature()
  std::optional<Typicality> typicality;  ///< of what it was trained on, if the file carries it
};

/// Loads a run folder or a weights file; both carry their recipe. Throws Error(checkpoint) that
/// says what is missing, or, for a folder of folds, which folders to choose from.
TrainedModel load_trained_model(const std::filesystem::path& run_or_file);

/// Ids in the named parts ("train", "val", "test") of a run's split.json; none if it has none.
/// Throws Error(checkpoint) if that is no JSON object.
std::set<std::string> ids_in_split(const std::filesystem::path& run,
                                   const std::vector<std::string>& parts);

/// What is stored beside weights.
std::map<std::string, std::string> weights_notes(const Recipe& recipe, double threshold);

/// Begins a run folder, or finds one that can be gone on with: writes recipe.toml, split.json and
/// environment.json. Throws Error(usage) if the folder holds a run of another recipe or split.
void begin_run(const std::filesystem::path& run, const Recipe& recipe, const Split& split,
               const PreparedSet& set, const Engine& engine);

/// Trains one fold from a recipe in a run folder (going on with what is there), chooses the
/// threshold if the recipe says so, scores the test rows and keeps their scores in test.json. A
/// finished fold is read back, not trained again.
FoldScores train_fold(const std::filesystem::path& run, const Recipe& recipe,
                      const PreparedSet& set, const Split& split, const Engine& engine,
                      Observer& observer = silent_observer());

/// Chooses the threshold of a trained network if the recipe says so, and writes it into `notes` and
/// the run's weights; scores the test rows and keeps their scores in test.json.
FoldScores score_fold(const std::filesystem::path& run, const Recipe& recipe,
                      const PreparedSet& set, const Split& split, const Engine& engine,
                      SegmentationModel& model, std::map<std::string, std::string> notes,
                      int64_t best_epoch = 0);

/// The training of train_fold() up to the end of epoch `epochs` of the recipe's, or of its
/// patience, and no further: no threshold is chosen and no test row looked at. A later call with
/// more epochs, or train_fold(), goes on from there as if there had been no pause. Returns all
/// epochs that the folder holds, which may be more.
std::vector<EpochDone> train_epochs(const std::filesystem::path& run, const Recipe& recipe,
                                    const PreparedSet& set, const Split& split,
                                    const Engine& engine, int64_t epochs,
                                    Observer& observer = silent_observer());

/// Throws Error(recipe) unless the set was prepared as the recipe says, its images have the
/// network's channels and a size that it can take, and masks, recipe, network and loss agree on the
/// number of classes.
void check_set_fits(const Recipe& recipe, const PreparedSet& set);

}  // namespace groundglass
