#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "groundglass/data/typicality.h"
#include "groundglass/recipe/recipe.h"

namespace groundglass {

/// The note "format" of weights of classifiers, which no TrainedModel holds.
constexpr const char* kClassifierFormat = "groundglass-classifier-1";

/// What is stored beside weights, by key: "recipe", "threshold", "typicality", "temperature", ...
using WeightsNotes = std::map<std::string, std::string>;

/// A network as it was trained, with all that is needed to use it.
struct TrainedModel {
  std::string name;  ///< of the file or run, as a user knows it
  ModelPtr model;    ///< in evaluation mode
  Recipe recipe;
  double threshold = 0.5;
  std::string weights_sha256;
  std::filesystem::path path;  ///< run folder or file it was read from
  double temperature = 1;      ///< that the weights file carries; see stored_temperature()
  /// From which highest probability of any pixel an image as a whole is called infected, if a
  /// detection study has chosen one on validation images.
  std::optional<double> image_cutoff;
  std::optional<Typicality> typicality;  ///< of what it was trained on, if the file carries it
  WeightsNotes notes;                    ///< all that the file carries
};

/// Loads a run folder or a weights file; both carry their recipe. Throws Error(checkpoint) that
/// says what is missing, or, for a folder of folds, which folders to choose from.
TrainedModel load_trained_model(const std::filesystem::path& run_or_file);

/// Notes for weights that are made now: format, network, recipe, threshold, version and commit over
/// what stands in `kept`, which are the notes of weights that these came from. An image cut-off is
/// not kept: it was chosen for the answers of those.
WeightsNotes weights_notes(const Recipe& recipe, double threshold, WeightsNotes kept = {});

/// Changes notes of a weights file and leaves its weights and all other notes as they are.
void change_weights_notes(const std::filesystem::path& file, const WeightsNotes& changes);

}  // namespace groundglass
