#pragma once

#include <string>

#include "groundglass/cli/context.h"
#include "groundglass/recipe/classifier_recipe.h"

namespace groundglass {

/// What `groundglass train` was given.
struct ClassifierArguments {
  std::string recipe, data, output, fold;
  int64_t epochs = 0;
};

/// `groundglass train` on a recipe with [labels]: sensitivity, specificity, precision, F1, F2,
/// accuracy, AUC and the confusion matrix of the test images, with the warning about sources; with
/// --fold all over all folds together, as classifier.md, .csv and .json in the output folder.
void run_train_classifier(const ClassifierArguments& a, const Context& context);

}  // namespace groundglass
