#pragma once

#include <string>

#include "groundglass/train/train_options.h"

namespace groundglass {

/// The resolved text of a recipe without what may change between the parts of an interrupted
/// training.
template <class AnyRecipe>
std::string comparable(AnyRecipe recipe) {
  const TrainOptions defaults;
  recipe.train.epochs = defaults.epochs;
  recipe.train.checkpoint_minutes = defaults.checkpoint_minutes;
  recipe.train.loader_threads = defaults.loader_threads;
  return recipe.resolved();
}

}  // namespace groundglass
