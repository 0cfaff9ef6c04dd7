#pragma once

#include <functional>
#include <string>
#include <vector>

#include "groundglass/models/segmentation_model.h"
#include "groundglass/train/score.h"

namespace groundglass {

class RecipeReader;

/// A network with its options read: ready to be built any number of times.
struct ModelSpec {
  std::string name;
  std::function<ModelPtr()> make;
  std::string fields;                  ///< its options as recipe lines
  std::string part = {};               ///< what a cascade calls it, e.g. "lung"
  std::vector<ModelSpec> stages = {};  ///< of a cascade: its networks, each trained by itself
};

/// A network of the house.
struct CatalogModel {
  std::string name;    ///< in recipes
  std::string family;  ///< e.g. "Attention U-Net"
  std::string encoder;
  std::string paper;           ///< number of the paper it comes from, "" for none
  std::vector<int64_t> input;  ///< the paper's [C,H,W]
  std::function<ModelSpec(RecipeReader&)> read;
};

/// A loss with its options read.
struct LossSpec {
  std::string name;
  LossFunction function;
  std::string fields;  ///< its options inside braces
};

struct CatalogLoss {
  std::string name;
  std::string help;
  std::function<LossSpec(RecipeReader&)> read;
};

const std::vector<CatalogModel>& model_catalog();
const std::vector<CatalogLoss>& loss_catalog();

/// The entry of that name. Throws Error(recipe) with the nearest name, or all.
const CatalogModel& catalog_model(const std::string& name);
const CatalogLoss& catalog_loss(const std::string& name);

/// The network with its defaults.
ModelPtr make_default_model(const std::string& name);

}  // namespace groundglass
