#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/runs/classifier_run.h"

namespace groundglass {

/// The test images of all folds together, as Markdown, CSV and JSON.
struct ClassifierTable {
  std::string markdown, csv;
  nlohmann::ordered_json json;
};

/// Sensitivity, specificity, precision, F1, F2, accuracy, AUC (the mean of the folds') and the
/// confusion matrix at the recipe's cut-off, with intervals over images and over patients, and the
/// warning about sources. `recipe_name` is what the document calls the recipe.
ClassifierTable classifier_table(const std::vector<ClassifierFold>& folds,
                                 const ClassifierRecipe& recipe, const std::string& recipe_name);

}  // namespace groundglass
