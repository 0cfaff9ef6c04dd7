#include "groundglass/recipe/cascade_section.h"

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_writer.h"

namespace groundglass {
namespace {

/// One of the two networks, with its options.
ModelSpec read_part(const toml::node* node, const std::string& part) {
  const std::string expected = "expected " + part + " = {name = \"unet\"}, with the network's keys";
  if (node == nullptr) fail(ErrorKind::recipe, "[model] cascade has no " + part + "; " + expected);
  const auto* table = node->as_table();
  const toml::node* word = table == nullptr ? nullptr : table->get("name");
  if (word == nullptr || !word->is_string()) {
    refuse_recipe(*node, in_quotes(part) + " names no network; " + expected);
  }
  std::string name;
  RecipeReader reader(*table, "model." + part);
  reader.field({"name", "of the catalog"}, name);
  const CatalogModel* model = nullptr;
  try {
    model = &catalog_model(name);
  } catch (const Error& e) {
    refuse_recipe(*word, e.what());
  }
  ModelSpec spec = model->read(reader);
  reader.finish();
  if (!spec.stages.empty()) {
    refuse_recipe(*word, name + " is a cascade itself; expected a single network");
  }
  spec.name = name;
  spec.part = part;
  return spec;
}

/// Recipe lines "key = value  # help" inside braces.
std::string inline_text(const ModelSpec& spec) {
  std::vector<std::string> cells = {"name = " + toml_string(spec.name)};
  for (const auto& line : split_text(spec.fields, '\n')) {
    if (!line.empty()) cells.push_back(line.substr(0, line.find("  # ")));
  }
  return spec.part + " = {" + joined(cells, ", ") + "}\n";
}

GatedNorm gated_norm(Normalise how) {
  if (how == Normalise::zscore) return GatedNorm::zscore;
  return how == Normalise::minmax ? GatedNorm::minmax : GatedNorm::none;
}

}  // namespace

CascadeSection ask_cascade(RecipeReader& reader) {
  CascadeSection section;
  section.lung = reader.node({"lung",
                              "the first network: {name = \"unet\", widths = [16, 32]}, "
                              "with the keys of that network"});
  section.infection = reader.node({"infection", "the second network, likewise"});
  reader.field({"threshold", "of the lung probability, for a hard gate", 0, 1},
               section.options.threshold);
  reader.choice({"gate", "what the second network sees of the image"}, section.options.gate,
                {{"hard", CascadeGate::hard}, {"soft", CascadeGate::soft}});
  return section;
}

ModelSpec read_cascade(RecipeReader& reader, Normalise normalise) {
  CascadeSection section = ask_cascade(reader);
  section.options.renormalise = gated_norm(normalise);
  const ModelSpec lung = read_part(section.lung, "lung");
  const ModelSpec infection = read_part(section.infection, "infection");
  RecipeWriter writer;
  writer.field({"threshold", "of the lung probability, for a hard gate"},
               section.options.threshold);
  writer.choice({"gate", "what the second network sees of the image"}, section.options.gate,
                {{"hard", CascadeGate::hard}, {"soft", CascadeGate::soft}});
  const auto make = [a = lung.make, b = infection.make, options = section.options] {
    return Cascade(a(), b(), options).ptr();
  };
  return {kCascade,
          make,
          inline_text(lung) + inline_text(infection) + writer.text(),
          "",
          {lung, infection}};
}

}  // namespace groundglass
