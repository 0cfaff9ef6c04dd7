#include <iostream>

#include <ATen/Parallel.h>

#include "groundglass/cli/print_fold.h"
#include "groundglass/cli/ranks.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/distributed/team.h"
#include "groundglass/evaluate/class_section.h"
#include "groundglass/evaluate/class_table.h"
#include "groundglass/runs/classifier_table.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct TrainArguments {
  std::string recipe, data, lung_data, output, fold;
  int64_t epochs = 0;
  bool resume = false;
};

/// A single training without --fold lies in the output folder itself.
RunFolder folder_of(const TrainArguments& a, int64_t fold) {
  const RunFolder output = fs::path(a.output);
  return a.fold.empty() ? output : output.fold(fold);
}

void write_table(const TrainArguments& a, const Context& context, const Recipe& recipe,
                 const std::vector<FoldScores>& folds) {
  if (!team().leads()) return;
  const TableCaption caption = {
      recipe.paper.title.empty() ? "Cross-validation" : recipe.paper.title,
      word_of(recipe.split.mode),
      context.command,
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

void run_train_classifier(const TrainArguments& a, const Context& context) {
  ClassifierRecipe recipe = read_classifier_recipe(a.recipe, context.overrides);
  if (a.epochs > 0) recipe.train.epochs = a.epochs;
  if (context.seed >= 0) recipe.train.seed = context.seed;
  const RunSettings settings = run_settings(context);
  const auto console = console_observer(context);
  const Recipe data = data_recipe(recipe);
  const PreparedSet set(prepared_path(a.data, a.output, data, settings, *console));
  classes_of(set.rows(), recipe.labels);  // its complaints come before anything is trained
  check_set_fits(recipe, set);
  const auto splits = splits_of(data, set);
  std::vector<ClassifierFold> folds;
  for (const int64_t k : chosen_folds(a.fold, recipe.split.folds)) {
    folds.push_back(train_classifier_fold(
        {folder_of(a, k), recipe, &set, splits[static_cast<size_t>(k)], settings.engine, k},
        *console));
  }
  if (!team().leads()) return;
  const ClassifierTable table = classifier_table(folds, recipe, a.recipe);
  const fs::path run = a.output;
  write_file(run / "classifier.md", table.markdown);
  write_file(run / "classifier.csv", table.csv);
  write_file(run / "classifier.json", table.json.dump(1) + "\n");
  if (context.json) return print_json(table.json);
  std::cout << table.markdown;
}

void run_train(const TrainArguments& a, const Context& context) {
  if (is_classifier_recipe(a.recipe)) return run_train_classifier(a, context);
  const RunSettings settings = run_settings(context);
  const Recipe recipe = read_recipe_for(a.recipe, a.epochs, settings);
  const auto console = console_observer(context);
  make_folder(a.output);
  const PreparedSet set(prepared_path(a.data, a.output, recipe, settings, *console));
  check_set_fits(recipe, set);
  const auto lungs = open_lungs(a.data, a.lung_data, a.output, recipe, settings, *console);
  const auto splits = splits_of(recipe, set);

  FoldJob job = {a.output, recipe, &set, {}, settings.engine, 0, lungs.get()};
  const auto folds = chosen_folds(a.fold, recipe.split.folds);
  if (a.fold == "all") {
    return write_table(a, context, recipe, train_folds(job, splits, folds, *console));
  }
  job.fold = folds.front();
  job.run = folder_of(a, job.fold);
  job.split = splits[static_cast<size_t>(job.fold)];
  if (a.resume && !job.run.begun()) {
    fail(ErrorKind::checkpoint, job.run.string() + ": holds no state.safetensors to resume from");
  }
  const FoldScores scores = train_visibly(job, *console);
  if (team().leads()) print_fold(a.output, scores, recipe, context);
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  auto a = std::make_shared<TrainArguments>();
  auto* verb = add_verb(app, context, "train", "train a recipe; --fold all cross-validates",
                        [a, &context] { run_as_team(context, [&] { run_train(*a, context); }); });
  verb->add_option("recipe", a->recipe, "TOML file")->required();
  verb->add_option("--data", a->data, "data set, or prepared set")->required();
  verb->add_option("--lung-data", a->lung_data,
                   "[cascade]: prepared set with lung masks, if --data is a prepared set");
  verb->add_option("-o,--output", a->output, "run folder")->required();
  verb->add_option("--fold", a->fold, "k (from 0) or all; runs go to OUTPUT/fold_k");
  verb->add_option("--epochs", a->epochs, "instead of the recipe's");
  verb->add_flag("--resume", a->resume, "insist that there is a run to go on with");
  add_rank_options(verb, context);
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
