#include "groundglass/runs/training_run.h"

#include <fstream>
#include <map>
#include <numeric>

#include "groundglass/core/claim.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/data/dataset.h"
#include "groundglass/data/prepare.h"
#include "groundglass/data/shared_patients.h"
#include "groundglass/distributed/team.h"
#include "groundglass/report/run_pictures.h"
#include "groundglass/runs/recipe_preparation.h"
#include "groundglass/runs/staged_training.h"
#include "groundglass/train/trainer.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// Several observers as one.
class Observers final : public Observer {
 public:
  void add(Observer& observer) { all_.push_back(&observer); }
  void on(const Progress& e) override { tell(e); }
  void on(const Warning& e) override { tell(e); }
  void on(const Note& e) override { tell(e); }
  void on(const EpochDone& e) override { tell(e); }

 private:
  template <class Event>
  void tell(const Event& event) {
    for (auto* observer : all_) observer->on(event);
  }
  std::vector<Observer*> all_;
};

/// events.jsonl: one line for each epoch and warning, in the order in which they happened.
class EventLog final : public Observer {
 public:
  explicit EventLog(const fs::path& path) : out_(path, std::ios::app) {}
  void on(const Warning& e) override {
    out_ << json_text({{"event", "warning"}, {"message", e.message}}) << std::endl;
  }
  void on(const EpochDone& e) override {
    ordered_json line = {{"event", "epoch"},
                         {"epoch", e.epoch},
                         {"loss", e.loss},
                         {"validation_loss", e.validation_loss},
                         {"soft_dice", e.soft_dice},
                         {"hard_dice", e.hard_dice},
                         {"training_dice", e.training_dice},
                         {"monitor", e.monitor},
                         {"best", e.best},
                         {"seconds", e.seconds},
                         {"images_per_s", e.images_per_s},
                         {"waited_s", e.waited_s},
                         {"rss_mib", e.rss_mib}};
    if (e.exchange_wait_s > 0) line["exchange_wait_s"] = e.exchange_wait_s;
    if (!e.class_dice.empty()) line["class_dice"] = e.class_dice;
    out_ << line.dump() << std::endl;
  }

 private:
  std::ofstream out_;
};

/// Hands on what happens in a fold, and lets go of it once another process has taken it over.
class ClaimedFold final : public Observer {
 public:
  ClaimedFold(Observer& observer, const Claim& claim) : observer_(observer), claim_(claim) {}
  void on(const Progress& e) override { tell(e); }
  void on(const Warning& e) override { tell(e); }
  void on(const Note& e) override { tell(e); }
  void on(const EpochDone& e) override { tell(e); }

 private:
  template <class Event>
  void tell(const Event& event) {
    if (claim_.lost()) throw ClaimLost{};
    observer_.on(event);
  }
  Observer& observer_;
  const Claim& claim_;
};

/// Strict splits only: the others share patients as they are meant to.
void warn_of_shared_patients(const PreparedSet& set, const Recipe& recipe, const Split& split,
                             Observer& observer) {
  if (recipe.split.mode != SplitMode::strict && recipe.split.mode != SplitMode::shares) return;
  const auto names = shared_patients(split, set.rows());
  if (names.empty()) return;
  observer.on(
      Warning{"patient " + in_quotes(names.front()) +
              (names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : "") +
              ": the name stands on both sides of the split, in two domains, and is taken "
              "for two people; if it is one, give its rows one domain, else two names"});
}

}  // namespace

fs::path prepared_path(const std::string& data, const RunFolder& folder, const Recipe& recipe,
                       const RunSettings& settings, Observer& observer, Masks masks) {
  if (!is_dataset(data)) return data;
  if (team().size() > 1) {
    team().leader_first([&] {
      prepared_path(data, folder, recipe, settings, observer, masks);
    });  // the others find it there
  }
  if (build_shape() == "core") {
    fail(ErrorKind::usage, data +
                               ": this build reads no images; prepare the data set elsewhere with "
                               "`groundglass prepare` and give the prepared set");
  }
  make_folder(folder.path());
  const fs::path path = folder.prepared_set();
  const Dataset dataset = dataset_for(recipe, data);
  if (masks == Masks::needed && recipe.data.labels != MaskLabels::threshold_lungs)
    require_masks(dataset);
  if (fs::exists(path)) {
    if (PreparedSet(path).header().fingerprint == fingerprint_of(dataset, recipe.data)) return path;
    fail(ErrorKind::usage, path.string() + ": was prepared from other images or masks than " +
                               data + " holds now; choose another folder, or remove it");
  }
  prepare_for(recipe, dataset, path, settings, observer);
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
                                        const RunFolder& folder, const Recipe& recipe,
                                        const RunSettings& settings, Observer& observer) {
  if (!recipe.cascade) return nullptr;
  const Recipe own = lung_recipe(recipe);
  if (lung_data.empty() && !is_dataset(data)) {
    fail(ErrorKind::usage, data +
                               ": is a prepared set, and the recipe's [cascade] needs one with "
                               "lung masks besides; give it with --lung-data");
  }
  const std::string source = lung_data.empty() ? data : lung_data;
  auto set = std::make_unique<PreparedSet>(
      prepared_path(source, folder.path() / "lungs", own, settings, observer));
  check_set_fits(own, *set);
  return set;
}

Recipe read_recipe_for(const fs::path& path, int64_t epochs, const RunSettings& settings) {
  Recipe recipe = read_recipe(path, settings.overrides);
  if (epochs > 0) recipe.train.epochs = epochs;
  if (settings.seed >= 0) recipe.train.seed = settings.seed;
  return recipe;
}

std::vector<Split> splits_of(const Recipe& recipe, const PreparedSet& set) {
  return make_splits(set.rows(), chosen_rows(set, recipe.split), recipe.split,
                     recipe.augment.mode == AugmentMode::offline ? recipe.augment.copies : 0);
}

RunFolder shared_set_folder(const Recipe& recipe, const fs::path& output) {
  const std::string key =
      preprocess_text(recipe.preprocess) + recipe.data.mask + "/" + word_of(recipe.data.labels);
  return output / ("prepared_" + sha256(key).substr(0, 8));
}

FoldScores train_visibly(const FoldJob& job, Observer& console) {
  if (!team().leads()) {
    auto& nobody = silent_observer();
    return job.lungs != nullptr ? train_stages(job, nobody) : train_fold(job, nobody);
  }
  make_folder(job.run.path());
  EventLog log(job.run.events());
  Observers observers;
  observers.add(console);
  observers.add(log);
  CurveDrawer curves(job.run.path());
  observers.add(curves);
  write_augmentation(job.run.path(), *job.set, job.recipe.augment,
                     static_cast<uint64_t>(job.recipe.train.seed));
  warn_of_shared_patients(*job.set, job.recipe, job.split, observers);
  warn_of_duplicates(*job.set, job.split, observers);
  return job.lungs != nullptr ? train_stages(job, observers) : train_fold(job, observers);
}

std::vector<FoldScores> train_folds(const FoldJob& job, const std::vector<Split>& splits,
                                    const std::vector<int64_t>& folds, Observer& console) {
  const auto fold_job = [&](int64_t k) {
    FoldJob one = job;
    one.run = job.run.fold(k);
    one.split = splits.at(static_cast<size_t>(k));
    one.fold = k;
    return one;
  };
  std::map<int64_t, FoldScores> trained_here;
  if (team().size() == 1) {
    std::vector<SharedPiece> pieces;
    for (const int64_t k : folds) {
      const RunFolder run = job.run.fold(k);
      pieces.push_back(
          {run.path() / "claim",
           [run] { return fs::exists(run.test_scores()) && !has_unfinished_state(run.path()); },
           [&, k](const Claim& claim) {
             ClaimedFold observer(console, claim);
             trained_here[k] = train_visibly(fold_job(k), observer);
           }});
    }
    Claims claims;
    do_shared(pieces, claims, [&](size_t others) {
      console.on(Note{"other processes train " + std::to_string(others) +
                      (others == 1 ? " fold" : " folds") + ": waiting for them"});
    });
  }
  std::vector<FoldScores> scores;
  for (const int64_t k : folds) {
    const auto found = trained_here.find(k);
    scores.push_back(found != trained_here.end() ? found->second
                                                 : train_visibly(fold_job(k), console));
  }
  return scores;
}

std::vector<int64_t> first_folds(int64_t count, const std::vector<Split>& splits) {
  const auto all = static_cast<int64_t>(splits.size());
  std::vector<int64_t> folds(static_cast<size_t>(count > 0 ? std::min(count, all) : all));
  std::iota(folds.begin(), folds.end(), 0);
  return folds;
}

}  // namespace groundglass
