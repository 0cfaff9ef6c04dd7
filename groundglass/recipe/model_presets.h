#pragma once

#include "groundglass/recipe/catalog.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_writer.h"

// How catalog lines are written: one function for each family, each in a file of its own.
namespace groundglass {

/// Reads a network's options over `defaults` and keeps them for building.
template <class Net, class Options>
std::function<ModelSpec(RecipeReader&)> preset(const Options& defaults) {
  return [defaults](RecipeReader& reader) -> ModelSpec {
    Options options = defaults;
    options.fields(reader);
    return {"", [options] { return Net(options).ptr(); }, written_fields(options)};
  };
}

/// The plain U-Net, or, where the recipe names an encoder, the U-Net on that.
ModelSpec read_unet(RecipeReader& reader);

void add_encoder_models(std::vector<CatalogModel>& all);  ///< on exchangeable encoders; 004, 001
void add_raiu_models(std::vector<CatalogModel>& all);     ///< 001
void add_segnet_models(std::vector<CatalogModel>& all);   ///< 002, 001
void add_linknet_models(std::vector<CatalogModel>& all);  ///< 003

}  // namespace groundglass
