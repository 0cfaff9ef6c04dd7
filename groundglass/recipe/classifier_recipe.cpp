#include "groundglass/recipe/classifier_recipe.h"

#include <algorithm>

#include <toml++/toml.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/recipe/recipe_file.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_table.h"
#include "groundglass/recipe/recipe_writer.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

const std::vector<std::string> kClassifierSections = {"paper",  "preprocess", "augment",  "split",
                                                      "labels", "model",      "evaluate", "train"};

void read_model(const toml::table& recipe, ClassifierRecipe& out) {
  const toml::table& table = recipe_section(recipe, "model");
  RecipeReader reader(table, "model");
  reader.field({"name", "of the classifier; see `groundglass models`"}, out.model);
  const auto& presets = classifier_presets();
  const auto preset = std::find_if(presets.begin(), presets.end(),
                                   [&](const auto& p) { return p.name == out.model; });
  if (preset == presets.end()) {
    std::vector<std::string> known;
    for (const auto& p : presets) known.push_back(p.name);
    const std::string what =
        "unknown classifier " + in_quotes(out.model) + did_you_mean(out.model, known);
    const toml::node* name = table.get("name");
    if (name == nullptr) fail(ErrorKind::recipe, "[model] has no name = \"...\"");
    refuse_recipe(*name, what);
  }
  out.network = preset->options;
  out.network.fields(reader);
  out.start.fields(reader);
  reader.finish();
}

}  // namespace

std::string ClassifierRecipe::resolved() const {
  return written_section("paper", paper) + written_section("preprocess", preprocess) +
         written_section("augment", augment) + written_section("split", split) +
         written_section("labels", labels) + "[model]\nname = " + toml_string(model) + "\n" +
         written_fields(network) + (start.weights.empty() ? "" : written_fields(start)) + "\n" +
         written_section("train", train) + written_section("evaluate", evaluate);
}

bool is_classifier_recipe(const fs::path& named) {
  const fs::path path = recipe_file(named);
  if (!fs::is_regular_file(path)) return false;
  return recipe_table(read_file(path), path.string(), {}).get("labels") != nullptr;
}

ClassifierRecipe read_classifier_recipe(const fs::path& named,
                                        const std::vector<std::string>& overrides) {
  const fs::path path = recipe_file(named);
  if (!fs::is_regular_file(path)) fail(ErrorKind::usage, path.string() + ": no such recipe");
  return parse_classifier_recipe(read_file(path), path.string(), overrides);
}

ClassifierRecipe parse_classifier_recipe(const std::string& text, const std::string& name,
                                         const std::vector<std::string>& overrides) {
  const toml::table table = recipe_table(text, name, overrides);
  for (const auto& [key, node] : table) {
    const std::string found(key.str());
    if (std::find(kClassifierSections.begin(), kClassifierSections.end(), found) ==
        kClassifierSections.end()) {
      refuse_recipe(node, "unknown section [" + found + "] in a classifier's recipe" +
                              did_you_mean(found, kClassifierSections));
    }
  }
  ClassifierRecipe recipe;
  recipe.paper = read_options<PaperOptions>(recipe_section(table, "paper"), "paper");
  recipe.preprocess =
      read_options<PreprocessOptions>(recipe_section(table, "preprocess"), "preprocess");
  recipe.augment = read_options<AugmentOptions>(recipe_section(table, "augment"), "augment");
  recipe.split = read_options<SplitOptions>(recipe_section(table, "split"), "split");
  recipe.labels = read_options<LabelOptions>(recipe_section(table, "labels"), "labels");
  read_model(table, recipe);
  recipe.train = read_options<TrainOptions>(recipe_section(table, "train"), "train");
  recipe.evaluate = read_options<CutoffOptions>(recipe_section(table, "evaluate"), "evaluate");
  try {
    recipe.preprocess.check();
    recipe.split.check();
    check_word("train", "monitor", word_of(recipe.train.monitor), {"auc", "last"});
    check_word("train", "sampling", word_of(recipe.train.sampling),
               {"shuffle", "domains", "patients"});
    TrainOptions others = recipe.train;
    others.monitor = Monitor::last;
    others.check();
    check_classifier_options(recipe.train);
    if (recipe.labels.positive.empty()) {
      fail(ErrorKind::recipe, "[labels] has no positive = [\"...\"]");
    }
    if (recipe.split.lacks_validation() && recipe.train.monitor != Monitor::last) {
      fail(ErrorKind::recipe, "[split] mode " + in_quotes(word_of(recipe.split.mode)) +
                                  " has no validation rows to choose by; expected [train] monitor "
                                  "'last'");
    }
    if (recipe.split.lacks_validation() &&
        recipe.evaluate.cutoff_from == ThresholdFrom::validation) {
      fail(ErrorKind::recipe, "[split] mode " + in_quotes(word_of(recipe.split.mode)) +
                                  " has no validation rows to choose by; expected [evaluate] "
                                  "cutoff_from 'fixed'");
    }
  } catch (const Error& e) {
    fail(ErrorKind::recipe, name + ": " + e.what());
  }
  return recipe;
}

}  // namespace groundglass
