#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/evaluate/detection.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/train/classifier_trainer.h"

namespace groundglass {

/// Which label words make which class.
struct LabelOptions {
  std::vector<std::string> positive;

  template <class V>
  void fields(V& v) {
    v.field({"positive", "labels of class 1, infected; every other label is class 0"}, positive);
  }
};

/// How a share becomes a class.
struct CutoffOptions {
  double cutoff = 0.5;

  template <class V>
  void fields(V& v) {
    v.field({"cutoff", "share of class 1 from which an image is called infected", 0, 1}, cutoff);
  }
};

/// How a classifier of whole images is trained: a recipe with [labels], and neither masks nor
/// [loss].
struct ClassifierRecipe {
  PaperOptions paper;
  PreprocessOptions preprocess;
  AugmentOptions augment;
  SplitOptions split;
  LabelOptions labels;
  std::string model;  ///< one of classifier_presets()
  EncoderClassifierOptions network;
  TrainOptions train;
  double cutoff = 0.5;  ///< share of class 1 from which an image is called infected

  /// Everything, defaults included, as TOML that reads back to the same recipe.
  std::string resolved() const;
};

/// True if the file is a recipe of a classifier: it, or a recipe that it lies over, has [labels].
/// Throws as read_recipe for what is no TOML.
bool is_classifier_recipe(const std::filesystem::path& path);

// These throw as read_recipe and parse_recipe do. [train] monitor is 'auc' or 'last' here.
ClassifierRecipe read_classifier_recipe(const std::filesystem::path& path,
                                        const std::vector<std::string>& overrides = {});
ClassifierRecipe parse_classifier_recipe(const std::string& text, const std::string& name,
                                         const std::vector<std::string>& overrides = {});

/// Class 1 for rows with a positive label, else 0. Throws Error(data) if no row has a label, if a
/// positive one occurs nowhere, or if the rows are of one class only.
std::vector<int64_t> classes_of(const std::vector<PreparedRow>& rows, const LabelOptions& labels);

/// A classifier as it was trained.
struct TrainedClassifier {
  std::string name;
  EncoderClassifier model{nullptr};  ///< in evaluation mode
  ClassifierRecipe recipe;
  std::string weights_sha256;
};

/// True if the weights file, or the one in the run folder, is a classifier's.
bool is_classifier(const std::filesystem::path& run_or_file);
/// Throws Error(checkpoint) if it is not, or if its weights do not fit.
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
};

/// Trains one fold in a run folder (going on with what is there) and classifies its test rows, kept
/// in test.json. A finished fold is read back. Throws Error(usage) if the folder holds a run of
/// another recipe or split.
ClassifierFold train_classifier_fold(const std::filesystem::path& run,
                                     const ClassifierRecipe& recipe, const PreparedSet& set,
                                     const Split& split, const Engine& engine,
                                     Observer& observer = silent_observer());

}  // namespace groundglass
