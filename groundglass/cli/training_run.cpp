#include "groundglass/cli/training_run.h"

#include <fstream>
#include <iostream>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/data/dataset.h"
#include "groundglass/data/prepare.h"
#include "groundglass/data/shared_patients.h"
#include "groundglass/evaluate/class_section.h"
#include "groundglass/evaluate/class_table.h"
#include "groundglass/recipe/staged_training.h"
#include "groundglass/report/run_pictures.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// events.jsonl: one line for each epoch and warning, in the order in which they happened.
class EventLog final : public Observer {
 public:
  explicit EventLog(const fs::path& path) : out_(path, std::ios::app) {}
  void on(const Warning& e) override {
    out_ << ordered_json{{"event", "warning"}, {"message", e.message}}.dump() << std::endl;
  }
  void on(const EpochDone& e) override {
    ordered_json line = {{"event", "epoch"},         {"epoch", e.epoch},
                         {"loss", e.loss},           {"validation_loss", e.validation_loss},
                         {"soft_dice", e.soft_dice}, {"hard_dice", e.hard_dice},
                         {"monitor", e.monitor},     {"best", e.best},
                         {"seconds", e.seconds},     {"images_per_s", e.images_per_s},
                         {"waited_s", e.waited_s},   {"rss_mib", e.rss_mib}};
    if (!e.class_dice.empty()) line["class_dice"] = e.class_dice;
    out_ << line.dump() << std::endl;
  }

 private:
  std::ofstream out_;
};

/// Strict splits only: the others share patients as they are meant to.
void warn_of_shared_patients(const PreparedSet& set, const Recipe& recipe, const Split& split,
                             Observer& observer) {
  if (recipe.split.mode != "strict" && recipe.split.mode != "shares") return;
  const auto names = shared_patients(split, set.rows());
  if (names.empty()) return;
  observer.on(
      Warning{"patient " + in_quotes(names.front()) +
              (names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : "") +
              ": the name stands on both sides of the split, in two domains, and is taken "
              "for two people; if it is one, give its rows one domain, else two names"});
}

}  // namespace

fs::path prepared_path(const std::string& data, const fs::path& folder, const Recipe& recipe,
                       const Context& context, Observer& observer) {
  if (!is_dataset(data)) return data;
  if (build_shape() == "core") {
    fail(ErrorKind::usage, data +
                               ": this build reads no images; prepare the data set elsewhere with "
                               "`groundglass prepare` and give the prepared set");
  }
  make_folder(folder);
  const fs::path path = folder / "prepared.ggset";
  const Dataset dataset = read_dataset(data, {recipe.data.mask});
  if (fs::exists(path)) {
    if (PreparedSet(path).header().fingerprint == fingerprint_of(dataset, recipe.data)) return path;
    fail(ErrorKind::usage, path.string() + ": was prepared from other images or masks than " +
                               data + " holds now; choose another folder, or remove it");
  }
  prepare({dataset, recipe.data, recipe.preprocess, preprocess_text(recipe.preprocess), path,
           context.threads, recipe.evaluate.class_names},
          observer);
  return path;
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

std::unique_ptr<PreparedSet> open_lungs(const std::string& data, const std::string& lung_data,
                                        const fs::path& folder, const Recipe& recipe,
                                        const Context& context, Observer& observer) {
  if (!recipe.cascade) return nullptr;
  const Recipe own = lung_recipe(recipe);
  if (lung_data.empty() && !is_dataset(data)) {
    fail(ErrorKind::usage, data +
                               ": is a prepared set, and the recipe's [cascade] needs one with "
                               "lung masks besides; give it with --lung-data");
  }
  const std::string source = lung_data.empty() ? data : lung_data;
  auto set = std::make_unique<PreparedSet>(
      prepared_path(source, folder / "lungs", own, context, observer));
  check_set_fits(own, *set);
  return set;
}

Recipe read_recipe_for(const std::string& path, int64_t epochs, const Context& context) {
  Recipe recipe = read_recipe(path, context.overrides);
  if (epochs > 0) recipe.train.epochs = epochs;
  if (context.seed >= 0) recipe.train.seed = context.seed;
  return recipe;
}

std::vector<int64_t> chosen_folds(const std::string& word, int64_t folds) {
  if (word == "all") {
    std::vector<int64_t> all;
    for (int64_t k = 0; k < folds; ++k) all.push_back(k);
    return all;
  }
  if (word.empty()) return {0};
  int64_t fold = -1;
  try {
    fold = std::stoll(word);
  } catch (const std::exception&) {
  }
  if (fold < 0 || fold >= folds) {
    fail(ErrorKind::usage,
         "--fold " + in_quotes(word) + ": expected all, or 0 to " + std::to_string(folds - 1));
  }
  return {fold};
}

std::vector<Split> splits_of(const Recipe& recipe, const PreparedSet& set) {
  return make_splits(set.rows(), chosen_rows(set, recipe.split), recipe.split,
                     recipe.augment.mode == "offline" ? recipe.augment.copies : 0);
}

FoldScores train_visibly(const fs::path& run, const Recipe& recipe, const PreparedSet& set,
                         const Split& split, const Engine& engine, Observer& console,
                         const PreparedSet* lungs) {
  make_folder(run);
  EventLog log(run / "events.jsonl");
  Observers observers;
  observers.add(console);
  observers.add(log);
  CurveDrawer curves(run);
  observers.add(curves);
  write_augmentation(run, set, recipe.augment, static_cast<uint64_t>(recipe.train.seed));
  warn_of_shared_patients(set, recipe, split, observers);
  warn_of_duplicates(set, split, observers);
  if (lungs != nullptr) return train_stages(run, recipe, set, *lungs, split, engine, observers);
  return train_fold(run, recipe, set, split, engine, observers);
}

FoldScores train_visibly(const fs::path& run, const Recipe& recipe, const PreparedSet& set,
                         const Split& split, const Engine& engine, Observer& console) {
  return train_visibly(run, recipe, set, split, engine, console, nullptr);
}

void print_fold(const std::string& run, const FoldScores& scores, const Recipe& recipe,
                const Context& context) {
  const auto evaluation = evaluation_json(scores.items);
  const auto& names = recipe.evaluate.class_names;
  if (context.json) {
    ordered_json document = {
        {"run", run},
        {"best_epoch", scores.best_epoch},
        {"threshold", counted_classes(scores.items) == 0 ? ordered_json(scores.threshold)
                                                         : ordered_json(nullptr)}};
    document["test"] = evaluation;
    document["classes"] = classes_json({scores}, false, names);
    return print_json(document);
  }
  const ScoreRow pooled = pooled_scores(scores.items);
  std::cout << run << ": "
            << (scores.best_epoch > 0 ? "best epoch " + std::to_string(scores.best_epoch) + ", "
                                      : std::string())
            << "threshold " << threshold_text(scores) << ", test soft Dice "
            << fixed(pooled.soft_dice.value_or(-1), 4) << ", Dice "
            << fixed(pooled.dice.value_or(-1), 4) << " on " << scores.items.size() << " slices"
            << std::endl;
  for (const auto& rows : class_rows({scores}, false, names)) {
    const auto& value = rows.dice_of_fold.front();
    std::cout << "  " << rows.name << ": Dice " << (value ? fixed(*value, 4) : "n/a") << std::endl;
  }
}

}  // namespace groundglass
