#include "groundglass/runs/fold_job.h"

#include <chrono>
#include <ctime>
#include <set>

#include <ATen/Parallel.h>
#include <torch/version.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/clock.h"
#include "groundglass/core/engine.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/distributed/team.h"
#include "groundglass/losses/distillation_loss.h"
#include "groundglass/runs/comparable.h"
#include "groundglass/runs/starting_weights.h"
#include "groundglass/train/trainer.h"
#include "groundglass/train/training_state.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

std::string environment_json(const PreparedSet& set, const Engine& engine) {
  const ordered_json document = {{"version", version()},
                                 {"commit", commit()},
                                 {"libtorch", TORCH_VERSION},
                                 {"device", engine.device.str()},
                                 {"precision", precision_name(engine.precision)},
                                 {"processor", cpu_name()},
                                 {"threads", at::get_num_threads()},
                                 {"data", set.header().source},
                                 {"data_rows", set.size()},
                                 {"begun", utc_now()},
                                 {"note", kNotAMedicalDevice}};
  return document.dump(1) + "\n";
}

/// Where one text first differs from another: the line of the second.
std::string first_difference(const std::string& a, const std::string& b) {
  const auto left = split_text(a, '\n'), right = split_text(b, '\n');
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    if (left[i] != right[i]) return right[i].substr(0, right[i].find("  #"));
  }
  return "more lines";
}

void check_images_fit(const Recipe& recipe, const PreparedHeader& header,
                      const SegmentationModel& model) {
  const int64_t stride = model.stride();
  const bool gray = header.channels == 1 && model.in_channels() == 3;  // shown to each channel
  if (header.channels != model.in_channels() && !gray) {
    fail(ErrorKind::recipe, "[model] in_channels is " + std::to_string(model.in_channels()) +
                                " and the prepared images have " + std::to_string(header.channels));
  }
  if (header.height % stride != 0 || header.width % stride != 0) {
    fail(ErrorKind::recipe, "[preprocess] size is " + std::to_string(header.height) + " x " +
                                std::to_string(header.width) + ", and " + recipe.model.name +
                                " takes multiples of " + std::to_string(stride));
  }
}

/// Throws unless the teacher saw pictures prepared alike, answers in as many channels and was
/// trained on this very split: one of another split may have seen this one's test patients.
void check_teacher(const TrainedModel& teacher, const FoldJob& job,
                   const SegmentationModel& model) {
  const Recipe& recipe = job.recipe;
  const std::string begin = "[distil] teacher " + teacher.name + ": ";
  if (preprocess_text(teacher.recipe.preprocess) != preprocess_text(recipe.preprocess) ||
      teacher.recipe.preprocess.normalise != recipe.preprocess.normalise) {
    fail(ErrorKind::recipe, begin +
                                "was trained on images prepared otherwise; expected the same "
                                "[preprocess]");
  }
  if (teacher.model->out_channels() != model.out_channels()) {
    fail(ErrorKind::recipe, begin + "has " + std::to_string(teacher.model->out_channels()) +
                                " output channels, the network " +
                                std::to_string(model.out_channels()));
  }
  const fs::path split = RunFolder(teacher.path).split();
  if (!fs::exists(split)) {
    fail(ErrorKind::recipe, begin +
                                "holds no split.json, so nothing shows that it was not trained "
                                "on this split's test patients; expected a run folder");
  }
  if (read_file(split) != split_json(job.split, job.set->rows())) {
    fail(ErrorKind::recipe, begin +
                                "was trained on another split, maybe on this one's test patients; "
                                "expected a run of the same data and fold");
  }
}

/// What the trainer needs for a fold; the network begins as the recipe says.
TrainJob train_job(const FoldJob& fold, Observer& observer) {
  const Recipe& recipe = fold.recipe;
  at::manual_seed(static_cast<uint64_t>(recipe.train.seed));
  TrainJob job;
  job.model = recipe.model.make();
  if (!recipe.start.weights.empty() && !fold.run.begun()) {
    start_with_weights(
        {*job.model,
         [model = job.model](const torch::Tensor& x) { return model->forward(x).logits; },
         recipe.start, recipe.train, recipe.preprocess.normalise, fold.set, fold.split},
        observer);
  }
  job.loss = recipe.loss_function();
  job.options = recipe.train;
  job.augment = recipe.augment;
  job.normalise = recipe.preprocess.normalise;
  job.threshold = recipe.evaluate.threshold;
  job.set = fold.set;
  job.split = fold.split;
  job.engine = fold.engine;
  job.run = fold.run.path();
  job.weights_notes = notes_of_training(fold);
  if (recipe.distil) {
    const TrainedModel teacher = load_trained_model(recipe.distil->teacher);
    check_teacher(teacher, fold, *job.model);
    job.teacher = Teacher{teacher.model, distillation_loss, recipe.distil->weight};
    job.weights_notes["teacher"] = teacher.weights_sha256;
  }
  return job;
}

/// One number of classes in the masks, the recipe and the network, and a loss that takes it.
void check_classes_fit(const Recipe& recipe, const PreparedHeader& header, int64_t channels) {
  const int64_t classes = recipe.data.labels == MaskLabels::classes ? recipe.data.classes : 2;
  const auto with_background = [](int64_t n) {
    return std::to_string(n) + " classes with the background";
  };
  if (header.class_count > 0 && header.class_count != classes) {
    fail(ErrorKind::recipe, "the prepared set's masks have " + with_background(header.class_count) +
                                " (" + header.classes + ") and the recipe's [data] has " +
                                std::to_string(classes) + "; prepare it again with this recipe");
  }
  if (channels != classes && !(classes == 2 && channels == 1)) {
    fail(ErrorKind::recipe,
         "[model] out_channels is " + std::to_string(channels) + " and [data] labels " +
             in_quotes(word_of(recipe.data.labels)) + " have " + with_background(classes) +
             "; expected out_channels = " + std::to_string(classes) +
             (classes == 2 ? " or 1" : "") +
             (channels > 2
                  ? ", or [data] labels = 'classes' and classes = " + std::to_string(channels)
                  : ""));
  }
  if (channels > 2 && recipe.evaluate.threshold_from == ThresholdFrom::validation) {
    fail(ErrorKind::recipe, "[evaluate] threshold_from is 'validation', and a softmax of " +
                                std::to_string(channels) +
                                " classes has no threshold to choose: the likeliest class wins; "
                                "expected 'fixed'");
  }
  const torch::NoGradGuard no_grad;  // a loss that does not take so many classes says so here
  recipe.loss_function()(torch::zeros({1, channels, 4, 4}), torch::zeros({1, 4, 4}, torch::kUInt8));
}

}  // namespace

std::vector<int64_t> rows_seen(const Split& split) {
  std::set<int64_t> rows;
  for (const auto& entry : split.train) rows.insert(entry.row);
  for (const auto& entry : split.validation) rows.insert(entry.row);
  return {rows.begin(), rows.end()};
}

WeightsNotes notes_of_training(const FoldJob& job) {
  auto notes = weights_notes(job.recipe, job.recipe.evaluate.threshold);
  notes["typicality"] = Typicality::of(*job.set, rows_seen(job.split)).json();
  return notes;
}

void begin_run(const FoldJob& job) {
  const RunFolder& run = job.run;
  make_folder(run.path());
  const std::string split_text = split_json(job.split, job.set->rows());
  if (run.begun()) {
    const Recipe earlier = read_recipe(run.recipe());
    if (comparable(earlier) != comparable(job.recipe)) {
      fail(ErrorKind::usage, run.string() + ": holds a run of another recipe (now: " +
                                 first_difference(comparable(earlier), comparable(job.recipe)) +
                                 "); choose another folder");
    }
    if (read_file(run.split()) != split_text) {
      fail(ErrorKind::usage, run.string() +
                                 ": holds a run on other data or another split; choose "
                                 "another folder");
    }
  }
  if (!team().leads()) return;
  write_file(run.split(), split_text);
  if (!fs::exists(run.environment())) {  // a later call goes on with this run, or reads it
    write_file(run.environment(), environment_json(*job.set, job.engine));
  }
  write_file(run.recipe(), job.recipe.resolved());
}

namespace {

/// Throws on all ranks unless they are about to train the same thing.
void check_ranks_agree(const FoldJob& job, const std::string& progress) {
  auto& ranks = team();
  if (ranks.size() == 1) return;
  const auto& header = job.set->header();
  ranks.check_same("the recipe", job.recipe.resolved());
  ranks.check_same("the prepared set", header.source + "\n" + header.preprocess + "\n" +
                                           header.classes + "\n" + header.fingerprint + "\n" +
                                           std::to_string(job.set->size()));
  ranks.check_same("the split", split_json(job.split, job.set->rows()));
  ranks.check_same("how far " + job.run.string() + " is", progress);
}

}  // namespace

FoldScores score_fold(const FoldJob& job, SegmentationModel& model, int64_t best_epoch) {
  ScoreOptions options = job.recipe.scoring(job.engine);
  const auto& rows = job.set->rows();
  if (job.recipe.evaluate.threshold_from == ThresholdFrom::validation) {
    options.threshold =
        best_threshold(score_entries(model, *job.set, job.split.validation, options), rows);
    if (team().leads()) {
      change_weights_notes(job.run.weights(), {{"threshold", shortest(options.threshold)}});
    }
  }
  FoldScores scores = name_scores(score_entries(model, *job.set, job.split.test, options), rows);
  scores.best_epoch = best_epoch;
  scores.threshold = options.threshold;
  if (team().leads()) write_fold_scores(job.run.test_scores(), scores);
  return scores;
}

FoldScores train_fold(const FoldJob& job, Observer& observer) {
  begin_run(job);
  const fs::path result = job.run.test_scores();
  const bool ended = fs::exists(result) && job.run.begun() && !has_unfinished_state(job.run.path());
  check_ranks_agree(job, ended ? "ended" : job.run.begun() ? "begun" : "new");
  if (ended) {
    FoldScores finished = read_fold_scores(result);
    finished.fold = job.fold;
    return finished;
  }
  const auto begin = std::chrono::steady_clock::now();
  const TrainJob training = train_job(job, observer);
  const int64_t best_epoch = train(training, observer).best_epoch;
  FoldScores scores = score_fold(job, *training.model, best_epoch);
  scores.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (team().leads()) write_fold_scores(result, scores);
  team().barrier("finishing " + job.run.string());
  scores.fold = job.fold;
  return scores;
}

std::vector<EpochDone> train_epochs(const FoldJob& job, int64_t epochs, Observer& observer) {
  begin_run(job);
  check_ranks_agree(job, job.run.begun() ? "begun" : "new");
  TrainJob training = train_job(job, observer);
  training.pause_after = epochs;
  train(training, observer);
  return read_history(job.run.path());
}

void check_set_fits(const Recipe& recipe, const PreparedSet& set) {
  const std::string wanted = preprocess_text(recipe.preprocess);
  if (set.header().preprocess != wanted) {
    fail(ErrorKind::recipe,
         "the prepared set was made with other [preprocess] options (the recipe "
         "says " +
             first_difference(set.header().preprocess, wanted) +
             "); prepare it again with this recipe");
  }
  const ModelPtr model = recipe.model.make();
  check_images_fit(recipe, set.header(), *model);
  check_classes_fit(recipe, set.header(), model->out_channels());
}

}  // namespace groundglass
