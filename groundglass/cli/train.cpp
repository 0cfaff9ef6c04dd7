#include <iostream>

#include <ATen/Parallel.h>

#include "groundglass/cli/train_classifier.h"
#include "groundglass/cli/training_run.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/evaluate/class_section.h"
#include "groundglass/evaluate/class_table.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct TrainArguments {
  std::string recipe, data, lung_data, output, fold;
  int64_t epochs = 0;
  bool resume = false;
};

std::string command_of(const TrainArguments& a, const Context& context) {
  std::string text = "groundglass train " + a.recipe + " --data " + a.data;
  if (!a.lung_data.empty()) text += " --lung-data " + a.lung_data;
  if (!a.fold.empty()) text += " --fold " + a.fold;
  if (a.epochs > 0) text += " --epochs " + std::to_string(a.epochs);
  for (const auto& set : context.overrides) text += " --set " + set;
  return text + " -o " + a.output;
}

void write_table(const TrainArguments& a, const Context& context, const Recipe& recipe,
                 const std::vector<FoldScores>& folds) {
  const TableCaption caption = {
      recipe.paper.title.empty() ? "Cross-validation" : recipe.paper.title,
      recipe.split.mode,
      command_of(a, context),
      commit(),
      cpu_name(),
      at::get_num_threads(),
      recipe.evaluate.class_names};
  const auto table = cross_validation_table(
      folds, caption, {recipe.expect.table, recipe.expect.columns, recipe.expect.rows});
  const fs::path run = a.output;
  write_file(run / "cross_validation.md", table.markdown);
  write_file(run / "cross_validation.csv", table.csv);
  write_file(run / "cross_validation.json", table.json.dump(1) + "\n");
  if (context.json) return print_json(table.json);
  std::cout << table.markdown;
}

void run_train(const TrainArguments& a, const Context& context) {
  if (is_classifier_recipe(a.recipe)) {
    return run_train_classifier({a.recipe, a.data, a.output, a.fold, a.epochs}, context);
  }
  const Recipe recipe = read_recipe_for(a.recipe, a.epochs, context);
  const Engine engine = engine_of(context);
  const auto console = console_observer(context);
  make_folder(a.output);
  const PreparedSet set(prepared_path(a.data, a.output, recipe, context, *console));
  check_set_fits(recipe, set);
  const auto lungs = open_lungs(a.data, a.lung_data, a.output, recipe, context, *console);
  const auto splits = splits_of(recipe, set);

  std::vector<FoldScores> folds;
  for (const int64_t k : chosen_folds(a.fold, recipe.split.folds)) {
    const fs::path run =
        a.fold.empty() ? fs::path(a.output) : fs::path(a.output) / ("fold_" + std::to_string(k));
    if (a.resume && !fs::exists(run / "state.safetensors") && a.fold != "all") {
      fail(ErrorKind::checkpoint, run.string() + ": holds no state.safetensors to resume from");
    }
    folds.push_back(train_visibly(run, recipe, set, splits[static_cast<size_t>(k)], engine,
                                  *console, lungs.get()));
    folds.back().fold = k;
  }
  if (a.fold == "all") return write_table(a, context, recipe, folds);

  print_fold(a.output, folds.front(), recipe, context);
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  auto a = std::make_shared<TrainArguments>();
  auto* verb = add_verb(app, context, "train", "train a recipe; --fold all cross-validates",
                        [a, &context] { run_train(*a, context); });
  verb->add_option("recipe", a->recipe, "TOML file")->required();
  verb->add_option("--data", a->data, "data set, or prepared set")->required();
  verb->add_option("--lung-data", a->lung_data,
                   "[cascade]: prepared set with lung masks, if --data is a prepared set");
  verb->add_option("-o,--output", a->output, "run folder")->required();
  verb->add_option("--fold", a->fold, "k (from 0) or all; runs go to OUTPUT/fold_k");
  verb->add_option("--epochs", a->epochs, "instead of the recipe's");
  verb->add_flag("--resume", a->resume, "insist that there is a run to go on with");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
