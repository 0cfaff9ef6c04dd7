#include "groundglass/annotate/propose_round.h"

#include "groundglass/annotate/final_masks.h"
#include "groundglass/annotate/networks.h"
#include "groundglass/annotate/panels.h"
#include "groundglass/annotate/propose.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/data/prepare.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/runs/recipe_preparation.h"
#include "groundglass/runs/segmenter_options.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kDefaultSeed = 20260101;

std::string name_of(const std::string& word) {
  const fs::path path = fs::path(word).lexically_normal();
  const fs::path last = path.has_filename() ? path : path.parent_path();
  return fs::is_directory(last) ? last.filename().string() : last.stem().string();
}

std::vector<NetworkSource> sources_of(const ProposeJob& job) {
  std::vector<NetworkSource> sources;
  const auto add = [&](const std::vector<std::string>& words, NetworkSource::Kind kind) {
    for (const auto& word : words) sources.push_back({kind, word, name_of(word)});
  };
  add(job.recipes, NetworkSource::Kind::recipe);
  add(job.runs, NetworkSource::Kind::run);
  add(job.models, NetworkSource::Kind::model);
  if (sources.empty()) {
    fail(ErrorKind::usage, "no network is named; give --recipes, --runs or --models");
  }
  return sources;
}

/// Trained networks with what feeds them; the segmenters stay where they are.
struct Ensemble {
  std::vector<TrainedModel> trained;
  std::vector<std::unique_ptr<Segmenter>> segmenters;

  void add(TrainedModel model, const RunSettings& settings) {
    trained.push_back(std::move(model));
    const TrainedModel& last = trained.back();
    segmenters.push_back(std::make_unique<Segmenter>(segmenter_options(last, settings)));
  }
  Proposer one(const std::string& name, size_t at) const {
    return {name, {segmenters[at].get()}, trained[at].weights_sha256};
  }
  Proposer all(const std::string& name) const {
    Proposer proposer{name, {}, ""};
    for (size_t i = 0; i < trained.size(); ++i) {
      proposer.segmenters.push_back(segmenters[i].get());
      proposer.weights_sha256 += trained[i].weights_sha256;
    }
    if (trained.size() > 1) proposer.weights_sha256 = sha256(proposer.weights_sha256);
    return proposer;
  }
};

/// The cases as a data set in memory, with the masks that count now: manual ones in stage 1, chosen
/// and manual ones in stage 2.
Dataset labelled_cases(AnnotationStore& store, int64_t stage) {
  if (stage == 1) {
    Dataset set{store.notes().source, DatasetLayout::annotation_project, "mask", {}, {}};
    for (const auto& c : store.cases()) {
      if (c.manual.empty()) continue;
      set.rows.push_back({c.name, c.study, c.patient, c.domain, "", c.image, c.manual});
    }
    return set;
  }
  Dataset set = masked_cases(store);
  if (set.rows.empty()) {
    fail(ErrorKind::data, store.project().string() +
                              ": no case has a mask to train on; propose with --runs or --models");
  }
  return set;
}

class Proposing {
 public:
  Proposing(AnnotationStore& store, const Round& round, const ProposeJob& job, Observer& observer)
      : store_(store),
        round_(round),
        job_(job),
        observer_(observer),
        cases_(cases_of_stage(store, round.stage)) {}

  void propose(const NetworkSource& source) {
    if (source.kind == NetworkSource::Kind::recipe) return from_recipe(source);
    if (source.kind == NetworkSource::Kind::run) return from_runs(source);
    Ensemble one;
    one.add(load_chosen_model(source.word, job_.settings.overrides), job_.settings);
    if (round_.stage == 1 && !check_unseen(fs::path(source.word), cases_)) {
      observer_.on(Warning{source.word +
                           ": does not tell what it was trained on; if it knows these "
                           "cases, its proposals are better than they will be on new ones"});
    }
    propose_cases(store_, round_, one.all(source.name), cases_, observer_);
  }

  const std::vector<AnnotationCase>& cases() const { return cases_; }

 private:
  /// Paper-like splits test the same slices in every fold, so patients are dealt strictly here.
  Recipe recipe_of(const NetworkSource& source) const {
    Recipe recipe = read_recipe_for(source.word, job_.epochs, job_.settings);
    if (recipe.split.mode != SplitMode::strict || !recipe.split.train_domains.empty()) {
      observer_.on(Warning{source.word + ": is trained with split.mode = strict, since proposals "
                                         "must come from patients that the network has not seen"});
    }
    recipe.split.mode = SplitMode::strict;
    recipe.split.equal_domains = false;
    recipe.split.train_domains.clear();
    if (job_.folds > 0) recipe.split.folds = job_.folds;
    recipe.data = store_.notes().data;
    return recipe;
  }

  fs::path prepared(const RunFolder& folder, const Recipe& recipe) const {
    const fs::path path = folder.prepared_set();
    if (!fs::exists(path)) {
      prepare_for(recipe, labelled_cases(store_, round_.stage), path, job_.settings, observer_);
    }
    return path;
  }

  void from_recipe(const NetworkSource& source) {
    const Recipe recipe = recipe_of(source);
    const fs::path folder =
        store_.project() / "networks" / ("round_" + std::to_string(round_.id)) / source.name;
    make_folder(folder);
    const PreparedSet set(prepared(folder, recipe));
    check_set_fits(recipe, set);
    const auto splits = splits_of(recipe, set);
    FoldJob fold = {.run = folder, .recipe = recipe, .set = &set, .engine = job_.settings.engine};
    if (round_.stage == 2) {
      fold.split = all_for_training(splits.front(), recipe);
      train_visibly(fold, observer_);
      Ensemble one;
      one.add(load_trained_model(folder), job_.settings);
      return propose_cases(store_, round_, one.all(source.name), cases_, observer_);
    }
    train_folds(fold, splits, first_folds(0, splits), observer_);
    propose_out_of_fold(fold.run.folds_with_weights(), source.name);
  }

  /// Nothing need be held back for a test in stage 2: the test patients of the fold are trained on
  /// as well, and the scores in the run folder are those of the validation patients.
  static Split all_for_training(Split split, const Recipe& recipe) {
    const int64_t copies = recipe.augment.mode == AugmentMode::offline ? recipe.augment.copies : 0;
    for (const auto& entry : split.test) {
      for (int64_t copy = 0; copy <= copies; ++copy) split.train.push_back({entry.row, copy});
    }
    split.test = split.validation;
    return split;
  }

  void from_runs(const NetworkSource& source) {
    const auto runs = runs_in(RunFolder(source.word));
    if (round_.stage == 1) return propose_out_of_fold(runs, source.name);
    Ensemble folds;
    for (const auto& run : runs) folds.add(load_trained_model(run.path()), job_.settings);
    propose_cases(store_, round_, folds.all(source.name), cases_, observer_);
  }

  void propose_out_of_fold(const std::vector<RunFolder>& runs, const std::string& name) {
    for (const auto& [at, cases] : out_of_fold(runs, cases_, name)) {
      Ensemble one;
      one.add(load_trained_model(runs[at].path()), job_.settings);
      propose_cases(store_, round_, one.one(name, 0), cases, observer_);
    }
  }

  AnnotationStore& store_;
  const Round& round_;
  const ProposeJob& job_;
  Observer& observer_;
  std::vector<AnnotationCase> cases_;
};

void give_up_round(AnnotationStore& store) {
  const int64_t round = store.drop_unfinished_round();
  if (round == 0) return;
  for (const char* folder : {"networks", "proposals"}) {
    fs::remove_all(store.project() / folder / ("round_" + std::to_string(round)));
  }
}

}  // namespace

Round propose_round(AnnotationStore& store, const ProposeJob& job, Observer& observer) {
  const auto sources = sources_of(job);
  if (job.restart) give_up_round(store);
  cases_of_stage(store, job.stage);  // complains before a round is begun
  std::vector<std::string> names;
  for (const auto& source : sources) names.push_back(source.name);
  const int64_t seed = job.settings.seed;
  const Round round =
      store.begin_round(job.stage, seed >= 0 ? static_cast<uint64_t>(seed) : kDefaultSeed, names);
  if (round.finished.empty()) {
    Proposing proposing(store, round, job, observer);
    for (const auto& source : sources) proposing.propose(source);
    store.finish_round(round.id,
                       shuffled_candidates(round, proposing.cases(), store.proposals(round.id)));
  }
  write_handout(store, round, {job.side, 3, job.cases_per_page}, job.settings.threads, observer);
  return round;
}

}  // namespace groundglass
