#include "groundglass/runs/fine_tuning.h"

#include <algorithm>
#include <map>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/data/prepare.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/runs/recipe_preparation.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Domains that are too small to have a patient in each fold are no use to a split that deals out
/// each by itself: then all are taken as one, and patients keep apart by the name of their domain.
Dataset with_even_domains(Dataset dataset, int64_t folds, Observer& observer) {
  std::map<std::string, std::set<std::string>> patients;
  for (const auto& row : dataset.rows) patients[row.domain].insert(row.patient);
  const auto small = std::find_if(patients.begin(), patients.end(), [&](const auto& domain) {
    return static_cast<int64_t>(domain.second.size()) < folds;
  });
  if (patients.size() < 2 || small == patients.end()) return dataset;
  observer.on(Note{"domain " + in_quotes(small->first) + " has " +
                   std::to_string(small->second.size()) + " patients, fewer than the " +
                   std::to_string(folds) + " folds, so all domains are taken as one"});
  for (auto& row : dataset.rows) {
    row.patient = row.domain + "/" + row.patient;
    row.domain.clear();
  }
  return dataset;
}

}  // namespace

Recipe fine_tuning_recipe(const TrainedModel& base, const FineTuning& job) {
  if (base.recipe.cascade) {
    fail(ErrorKind::usage, base.name +
                               ": is a cascade, whose networks are trained one by one; name a "
                               "model of one network");
  }
  Recipe recipe = base.recipe;
  recipe.paper.title = "Fine-tuning of " + base.name;
  recipe.data = job.data;
  recipe.split.mode = SplitMode::strict;
  recipe.split.train_domains.clear();
  recipe.split.folds = std::min<int64_t>(recipe.split.folds, patients_with_masks(job.dataset));
  recipe.start.weights = weights_file(base.path).string();
  recipe.start.layout = WeightsLayout::groundglass;
  recipe.train.epochs = job.epochs;
  recipe.train.learning_rate *= kFineTuningStep;
  recipe.train.warmup_epochs = std::min<int64_t>(recipe.train.warmup_epochs, job.epochs / 2);
  if (job.settings.seed >= 0) recipe.train.seed = job.settings.seed;
  recipe.adapt.reset();
  recipe.distil.reset();
  recipe.expect = {};
  return recipe;
}

FoldScores fine_tune(const FineTuning& job, Observer& console) {
  make_folder(job.run.path());
  const fs::path prepared = job.run.prepared_set();
  FoldJob fold;
  fold.run = job.run;
  fold.engine = job.settings.engine;
  if (job.run.begun()) {  // whatever was chosen since then is for another training
    fold.recipe = read_recipe(job.run.recipe());
  } else {
    check_enough_cases(job.dataset);
    fold.recipe = fine_tuning_recipe(load_chosen_model(job.model, {}), job);
    const Dataset dataset = with_even_domains(job.dataset, fold.recipe.split.folds, console);
    const bool same = fs::exists(prepared) && PreparedSet(prepared).header().fingerprint ==
                                                  fingerprint_of(dataset, job.data);
    if (!same) {
      fs::remove(prepared);
      for (const auto& name : {job.run.recipe(), job.run.split()}) fs::remove(name);
      prepare_for(fold.recipe, dataset, prepared, job.settings, console);
    }
  }
  const PreparedSet set(prepared);
  check_set_fits(fold.recipe, set);
  fold.set = &set;
  fold.split = splits_of(fold.recipe, set).front();
  return train_visibly(fold, console);
}

}  // namespace groundglass
