#pragma once

#include "groundglass/models/cascade.h"
#include "groundglass/preprocess/preprocess_options.h"
#include "groundglass/recipe/catalog.h"

namespace toml {
inline namespace v3 {
class node;
}  // namespace v3
}  // namespace toml

namespace groundglass {

/// The name that stands in [model] for two networks of the catalog, one after the other.
constexpr const char* kCascade = "cascade";

/// What such a section holds.
struct CascadeSection {
  const toml::node* lung = nullptr;       ///< null where the key is missing
  const toml::node* infection = nullptr;  ///< the same
  CascadeOptions options;
};

/// Asks for the keys of a cascade.
CascadeSection ask_cascade(RecipeReader& reader);

/// A cascade of any two networks of the catalog: lung = {name = "unet", ..} and infection likewise,
/// each with its own keys, and threshold and gate.
///
/// normalise  of the images; what the second network sees is normalised anew.
/// throws     Error(recipe) for a missing or unknown network, a cascade inside, or a wrong key.
ModelSpec read_cascade(RecipeReader& reader, Normalise normalise);

}  // namespace groundglass
