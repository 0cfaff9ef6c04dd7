#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/models/encoder_classifier.h"
#include "groundglass/recipe/recipe.h"

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
  ThresholdFrom cutoff_from = ThresholdFrom::fixed;
  std::string caution;

  template <class V>
  void fields(V& v) {
    v.field({"cutoff", "share of class 1 from which an image is called infected", 0, 1}, cutoff);
    v.choice({"cutoff_from",
              "'fixed', or 'validation': the share with the highest sensitivity + "
              "specificity on the fold's validation images"},
             cutoff_from, words_of(cutoff_from));
    v.field(
        {"caution", "what 'predict' and 'detect' warn of with it as the detector; may be empty"},
        caution);
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
  ImportOptions start;  ///< weights that a training begins with
  TrainOptions train;
  CutoffOptions evaluate;

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

}  // namespace groundglass
