#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/text.h"
#include "groundglass/data/prepare.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/runs/recipe_preparation.h"

namespace groundglass {
namespace {

struct PrepareArguments {
  std::string dataset, output, recipe;
};

void run_prepare(const PrepareArguments& a, const Context& context) {
  const Recipe recipe = read_recipe(a.recipe, context.overrides);
  const Dataset dataset = dataset_for(recipe, a.dataset);
  if (recipe.data.labels != MaskLabels::threshold_lungs) require_masks(dataset);
  const auto observer = console_observer(context);
  const int64_t rows = prepare_for(recipe, dataset, a.output, run_settings(context), *observer);
  const auto bytes = std::filesystem::file_size(a.output);
  if (context.json) return print_json({{"prepared", a.output}, {"rows", rows}, {"bytes", bytes}});
  std::cout << a.output << ": " << rows << " slices, " << human_bytes(static_cast<double>(bytes))
            << std::endl;
}

}  // namespace

void add_prepare(CLI::App& app, Context& context) {
  auto a = std::make_shared<PrepareArguments>();
  auto* verb = add_verb(app, context, "prepare", "preprocess a data set once into a prepared set",
                        [a, &context] { run_prepare(*a, context); });
  verb->add_option("dataset", a->dataset, "CSV table, nnU-Net folder, or images + masks")
      ->required();
  verb->add_option("-o,--output", a->output, "the prepared set to write (.ggset)")->required();
  verb->add_option("--recipe", a->recipe, "whose [preprocess] and [data] are used")->required();
  add_override_option(verb, context);
}

}  // namespace groundglass
