#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/evaluate/detection.h"
#include "groundglass/recipe/classifier_recipe.h"
#include "groundglass/runs/run_folder.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/classifier_trainer.h"

namespace groundglass {

/// Class 1 for rows with a positive label, else 0. Throws Error(data) if no row has a label, if a
/// positive one occurs nowhere, or if the rows are of one class only.
std::vector<int64_t> classes_of(const std::vector<PreparedRow>& rows, const LabelOptions& labels);

/// A classifier as it was trained.
struct TrainedClassifier {
  std::string name;
  EncoderClassifier model{nullptr};  ///< in evaluation mode
  ClassifierRecipe recipe;
  std::string weights_sha256;
  std::filesystem::path path;  ///< run folder or file it was read from
  double cutoff = 0.5;         ///< share of class 1 from which an image is called infected
  std::optional<Typicality> typicality;  ///< of what it was trained on, if the file carries it
  WeightsNotes notes;                    ///< all that the file carries
};

/// True if the weights file, or the one in the run folder, is a classifier's.
bool is_classifier(const std::filesystem::path& run_or_file);
/// Throws Error(checkpoint) if it is not, if its weights do not fit, or if its notes are damaged.
TrainedClassifier load_trained_classifier(const std::filesystem::path& run_or_file);

/// One test image of a fold.
struct ClassifierItem {
  std::string id, patient, domain, label;
  ImageScore score;
};

struct ClassifierFold {
  int64_t fold = 0, best_epoch = 0;
  double seconds = 0;
  std::vector<ClassifierItem> items;
  double cutoff = 0.5;  ///< share from which an image is called infected
};

/// One classifier to train: a recipe on one split of a prepared set, in a folder of its own.
struct ClassifierFoldJob {
  RunFolder run;
  ClassifierRecipe recipe;
  const PreparedSet* set = nullptr;
  Split split;
  Engine engine = {};
  int64_t fold = 0;  ///< number of the split, for tables
};

/// Trains one fold in a run folder (going on with what is there), chooses the cut-off by the
/// validation rows if the recipe says so (noted beside the weights as image_cutoff), and classifies
/// its test rows, kept in test.json. A finished fold is read back. Throws Error(usage) if the
/// folder holds a run of another recipe or split.
ClassifierFold train_classifier_fold(const ClassifierFoldJob& job,
                                     Observer& observer = silent_observer());

/// Throws Error(recipe) unless the set was prepared as the recipe says and its images have a size
/// and channels that the classifier takes.
void check_set_fits(const ClassifierRecipe& recipe, const PreparedSet& set);

/// A segmentation recipe with the options that a classifier's shares with it: what prepared sets
/// and splits are made from.
Recipe data_recipe(const ClassifierRecipe& classifier);

}  // namespace groundglass
