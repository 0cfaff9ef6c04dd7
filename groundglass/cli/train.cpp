#include <fstream>
#include <iostream>

#include <ATen/Parallel.h>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/data/dataset.h"
#include "groundglass/recipe/run_folder.h"
#ifdef GROUNDGLASS_IO
#include "groundglass/data/prepare.h"
#include "groundglass/io/picture.h"
#include "groundglass/report/figure.h"
#include "groundglass/train/training_state.h"
#endif

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct TrainArguments {
  std::string recipe, data, output, fold;
  int64_t epochs = 0;
  bool resume = false;
};

/// events.jsonl: one line for each epoch and warning, in the order in which they happened.
class EventLog final : public Observer {
 public:
  explicit EventLog(const fs::path& path) : out_(path, std::ios::app) {}
  void on(const Warning& e) override {
    out_ << ordered_json{{"event", "warning"}, {"message", e.message}}.dump() << std::endl;
  }
  void on(const EpochDone& e) override {
    out_ << ordered_json{{"event", "epoch"},         {"epoch", e.epoch},
                         {"loss", e.loss},           {"validation_loss", e.validation_loss},
                         {"soft_dice", e.soft_dice}, {"hard_dice", e.hard_dice},
                         {"monitor", e.monitor},     {"best", e.best},
                         {"seconds", e.seconds},     {"images_per_s", e.images_per_s},
                         {"waited_s", e.waited_s},   {"rss_mib", e.rss_mib}}
                .dump()
         << std::endl;
  }

 private:
  std::ofstream out_;
};

#ifdef GROUNDGLASS_IO
/// progress.png: the curves so far, drawn anew after each epoch.
class CurveDrawer final : public Observer {
 public:
  explicit CurveDrawer(fs::path run) : run_(std::move(run)) {
    if (fs::exists(run_ / "state.safetensors")) history_ = read_history(run_);
  }
  void on(const EpochDone& e) override {
    history_.push_back(e);
    write_png(run_ / "progress.png", curves_figure(history_));
  }

 private:
  fs::path run_;
  std::vector<EpochDone> history_;
};
#endif

/// The prepared set itself, or one made from the data set inside the run folder.
fs::path prepared_path(const TrainArguments& a, const Recipe& recipe, const Context& context,
                       Observer& observer) {
  if (!is_dataset(a.data)) return a.data;
#ifdef GROUNDGLASS_IO
  const fs::path path = fs::path(a.output) / "prepared.ggset";
  if (fs::exists(path)) return path;
  prepare({read_dataset(a.data, {recipe.data.mask}), recipe.data, recipe.preprocess,
           preprocess_text(recipe.preprocess), path, context.threads},
          observer);
  return path;
#else
  static_cast<void>(recipe);
  static_cast<void>(context);
  static_cast<void>(observer);
  fail(ErrorKind::usage, a.data +
                             ": this build reads no images; prepare the data set elsewhere with "
                             "`groundglass prepare` and give the prepared set");
#endif
}

void warn_of_duplicates(const PreparedSet& set, const Split& split, Observer& observer) {
  constexpr int64_t kBits = 12;
  const auto pairs = near_duplicates(set, split, kBits);
  std::vector<NearDuplicate> strangers;
  for (const auto& pair : pairs) {
    if (!pair.same_patient) strangers.push_back(pair);
  }
  const auto id = [&](int64_t row) { return set.rows()[static_cast<size_t>(row)].id; };
  if (pairs.size() > strangers.size()) {
    observer.on(Warning{std::to_string(pairs.size() - strangers.size()) +
                        " pairs of nearly equal slices of one patient stand on both sides of the "
                        "split"});
  }
  if (!strangers.empty()) {
    const auto& first = strangers.front();
    observer.on(Warning{std::to_string(strangers.size()) +
                        " pairs of nearly equal slices of different patients stand on both sides "
                        "of the split, first " +
                        id(first.train_row) + " and " + id(first.other_row) + " (" +
                        std::to_string(first.distance) +
                        " of 256 bits differ): are they one patient?"});
  }
}

std::string command_of(const TrainArguments& a, const Context& context) {
  std::string text = "groundglass train " + a.recipe + " --data " + a.data;
  if (!a.fold.empty()) text += " --fold " + a.fold;
  if (a.epochs > 0) text += " --epochs " + std::to_string(a.epochs);
  for (const auto& set : context.overrides) text += " --set " + set;
  return text + " -o " + a.output;
}

Recipe recipe_of(const TrainArguments& a, const Context& context) {
  Recipe recipe = read_recipe(a.recipe, context.overrides);
  if (a.epochs > 0) recipe.train.epochs = a.epochs;
  if (context.seed >= 0) recipe.train.seed = context.seed;
  return recipe;
}

std::vector<int64_t> folds_of(const TrainArguments& a, const Recipe& recipe) {
  if (a.fold == "all") {
    std::vector<int64_t> folds;
    for (int64_t k = 0; k < recipe.split.folds; ++k) folds.push_back(k);
    return folds;
  }
  if (a.fold.empty()) return {0};
  int64_t fold = -1;
  try {
    fold = std::stoll(a.fold);
  } catch (const std::exception&) {
  }
  if (fold < 0 || fold >= recipe.split.folds) {
    fail(ErrorKind::usage, "--fold " + in_quotes(a.fold) + ": expected all, or 0 to " +
                               std::to_string(recipe.split.folds - 1));
  }
  return {fold};
}

void write_table(const TrainArguments& a, const Context& context, const Recipe& recipe,
                 const std::vector<FoldScores>& folds) {
  const TableCaption caption = {
      recipe.paper.title.empty() ? "Cross-validation" : recipe.paper.title,
      recipe.split.mode,
      command_of(a, context),
      commit(),
      cpu_name(),
      at::get_num_threads()};
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
  const Recipe recipe = recipe_of(a, context);
  const Engine engine = engine_of(context);
  const auto console = console_observer(context);
  make_folder(a.output);
  const PreparedSet set(prepared_path(a, recipe, context, *console));
  check_set_fits(recipe, set);
  const int64_t copies = recipe.augment.mode == "offline" ? recipe.augment.copies : 0;
  const auto splits = make_splits(set.rows(), recipe.split, copies);

  std::vector<FoldScores> folds;
  for (const int64_t k : folds_of(a, recipe)) {
    const Split& split = splits[static_cast<size_t>(k)];
    const fs::path run =
        a.fold.empty() ? fs::path(a.output) : fs::path(a.output) / ("fold_" + std::to_string(k));
    if (a.resume && !fs::exists(run / "state.safetensors") && a.fold != "all") {
      fail(ErrorKind::checkpoint, run.string() + ": holds no state.safetensors to resume from");
    }
    make_folder(run);
    EventLog log(run / "events.jsonl");
    Observers observers;
    observers.add(*console);
    observers.add(log);
#ifdef GROUNDGLASS_IO
    CurveDrawer curves(run);
    observers.add(curves);
    if (recipe.augment.mode != "none") {
      write_png(
          run / "augmentation.png",
          augmentation_sheet(set, recipe.augment, 6, 7, static_cast<uint64_t>(recipe.train.seed)));
    }
#endif
    warn_of_duplicates(set, split, observers);
    FoldScores scores = train_fold(run, recipe, set, split, engine, observers);
    scores.fold = k;
    folds.push_back(std::move(scores));
  }
  if (a.fold == "all") return write_table(a, context, recipe, folds);

  const auto evaluation = evaluation_json(folds.front().items);
  if (context.json) {
    ordered_json document = {{"run", a.output},
                             {"best_epoch", folds.front().best_epoch},
                             {"threshold", folds.front().threshold}};
    document["test"] = evaluation;
    return print_json(document);
  }
  const ScoreRow pooled = pooled_scores(folds.front().items);
  std::cout << a.output << ": best epoch " << folds.front().best_epoch << ", threshold "
            << fixed(folds.front().threshold, 2) << ", test soft Dice "
            << fixed(pooled.soft_dice.value_or(-1), 4) << ", Dice "
            << fixed(pooled.dice.value_or(-1), 4) << " on " << folds.front().items.size()
            << " slices" << std::endl;
}

}  // namespace

void add_train(CLI::App& app, Context& context) {
  auto a = std::make_shared<TrainArguments>();
  auto* verb = add_verb(app, context, "train", "train a recipe; --fold all cross-validates",
                        [a, &context] { run_train(*a, context); });
  verb->add_option("recipe", a->recipe, "TOML file")->required();
  verb->add_option("--data", a->data, "data set, or prepared set")->required();
  verb->add_option("-o,--output", a->output, "run folder")->required();
  verb->add_option("--fold", a->fold, "k (from 0) or all; runs go to OUTPUT/fold_k");
  verb->add_option("--epochs", a->epochs, "instead of the recipe's");
  verb->add_flag("--resume", a->resume, "insist that there is a run to go on with");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
