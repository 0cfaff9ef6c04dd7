#include "groundglass/runs/classifier_run.h"

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/distributed/team.h"
#include "groundglass/runs/comparable.h"
#include "groundglass/runs/fold_job.h"
#include "groundglass/runs/noted_numbers.h"
#include "groundglass/runs/starting_weights.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

void begin_classifier_run(const ClassifierFoldJob& job) {
  const RunFolder& run = job.run;
  make_folder(run.path());
  const std::string split_text = split_json(job.split, job.set->rows());
  if (run.begun()) {
    if (comparable(read_classifier_recipe(run.recipe())) != comparable(job.recipe)) {
      fail(ErrorKind::usage,
           run.string() + ": holds a run of another recipe; choose another folder");
    }
    if (read_file(run.split()) != split_text) {
      fail(ErrorKind::usage, run.string() +
                                 ": holds a run on other data or another split; choose another "
                                 "folder");
    }
  }
  auto& ranks = team();
  if (ranks.size() > 1) {
    ranks.check_same("the recipe", job.recipe.resolved());
    ranks.check_same("the prepared set",
                     job.set->header().preprocess + "\n" + job.set->header().fingerprint);
    ranks.check_same("the split", split_text);
  }
  if (!ranks.leads()) return;
  write_file(run.split(), split_text);
  write_file(run.recipe(), job.recipe.resolved());
}

void write_fold(const fs::path& path, const ClassifierFold& fold) {
  json items = json::array();
  for (const auto& i : fold.items) {
    items.push_back({i.id, i.patient, i.domain, i.label, i.score.positive, i.score.value});
  }
  const json document = {{"fold", fold.fold},
                         {"best_epoch", fold.best_epoch},
                         {"seconds", fold.seconds},
                         {"cutoff", fold.cutoff},
                         {"warning", kSourceWarning},
                         {"columns", {"id", "patient", "domain", "label", "positive", "share"}},
                         {"items", items}};
  write_file(path, document.dump(1) + "\n");
}

/// cutoff  of a file that tells none: those written while it was the recipe's alone
ClassifierFold read_fold(const fs::path& path, double cutoff) {
  try {
    const json d = json::parse(read_file(path));
    ClassifierFold fold{
        d.at("fold"), d.at("best_epoch"), d.at("seconds"), {}, d.value("cutoff", cutoff)};
    for (const auto& i : d.at("items")) {
      fold.items.push_back({i.at(0), i.at(1), i.at(2), i.at(3), {i.at(5), i.at(4)}});
    }
    return fold;
  } catch (const json::exception& e) {
    fail(ErrorKind::checkpoint, path.string() + ": is damaged (" + e.what() + ")");
  }
}

}  // namespace

std::vector<int64_t> classes_of(const std::vector<PreparedRow>& rows, const LabelOptions& labels) {
  std::vector<std::string> words;
  for (const auto& row : rows) words.push_back(row.label);
  check_labels(words, labels.positive);
  std::vector<int64_t> classes;
  for (const auto& word : words) {
    const auto& p = labels.positive;
    classes.push_back(std::find(p.begin(), p.end(), word) != p.end() ? 1 : 0);
  }
  return classes;
}

bool is_classifier(const fs::path& run_or_file) {
  if (run_or_file.extension() == ".pt") return false;  // TorchScript: `export` writes no others
  const fs::path file = weights_file(run_or_file);
  if (!fs::is_regular_file(file)) return false;
  const auto notes = read_safetensors_metadata(file);
  const auto format = notes.find("format");
  return format != notes.end() && format->second == kClassifierFormat;
}

TrainedClassifier load_trained_classifier(const fs::path& run_or_file) {
  const fs::path file = weights_file(run_or_file);
  if (!fs::is_regular_file(file)) {
    fail(ErrorKind::checkpoint, run_or_file.string() + ": holds no weights of a classifier");
  }
  TensorArchive archive = read_safetensors(file);
  const auto format = archive.metadata.find("format");
  if (format == archive.metadata.end() || format->second != kClassifierFormat) {
    fail(ErrorKind::checkpoint, file.string() +
                                    ": is no classifier; expected one that `train` "
                                    "made from a recipe with [labels]");
  }
  TrainedClassifier trained;
  trained.name = run_or_file.string();
  trained.recipe =
      parse_classifier_recipe(archive.metadata.at("recipe"), file.string() + " (recipe)");
  trained.model = EncoderClassifier(trained.recipe.network);
  load_weights(*trained.model, archive.tensors, file.string());
  trained.model->eval();
  for (auto& p : trained.model->parameters()) p.set_requires_grad(false);
  trained.weights_sha256 = sha256_of_file(file);
  trained.path = run_or_file;
  trained.cutoff = number_noted(archive.metadata, "image_cutoff", 1, file)
                       .value_or(trained.recipe.evaluate.cutoff);
  const auto typicality = archive.metadata.find("typicality");
  if (typicality != archive.metadata.end()) {
    trained.typicality = Typicality::from_json(typicality->second, file.string());
  }
  trained.notes = std::move(archive.metadata);
  return trained;
}

ClassifierFold train_classifier_fold(const ClassifierFoldJob& fold_job, Observer& observer) {
  const ClassifierRecipe& recipe = fold_job.recipe;
  const PreparedSet& set = *fold_job.set;
  const fs::path result = fold_job.run.test_scores();
  const bool ended = fs::exists(result);
  begin_classifier_run(fold_job);
  if (ended) {
    ClassifierFold finished = read_fold(result, recipe.evaluate.cutoff);
    finished.fold = fold_job.fold;
    return finished;
  }
  const auto begin = std::chrono::steady_clock::now();
  at::manual_seed(static_cast<uint64_t>(recipe.train.seed));
  ClassifierJob job;
  job.model = EncoderClassifier(recipe.network);
  if (!recipe.start.weights.empty() && !fold_job.run.begun()) {
    start_with_weights(
        {*job.model,
         [model = job.model](const torch::Tensor& x) mutable { return model->forward(x); },
         recipe.start, recipe.train, recipe.preprocess.normalise, &set, fold_job.split},
        observer);
  }
  job.options = recipe.train;
  job.augment = recipe.augment;
  job.normalise = recipe.preprocess.normalise;
  job.set = &set;
  job.classes = classes_of(set.rows(), recipe.labels);
  job.split = fold_job.split;
  job.engine = fold_job.engine;
  job.run = fold_job.run.path();
  job.weights_notes = {{"format", kClassifierFormat},
                       {"model", recipe.model},
                       {"recipe", recipe.resolved()},
                       {"version", version()},
                       {"commit", commit()},
                       {"note", kNotAMedicalDevice},
                       {"typicality", Typicality::of(set, rows_seen(job.split)).json()}};
  ClassifierFold fold;
  fold.best_epoch = train_classifier(job, observer).best_epoch;
  LoaderOptions loading;
  loading.batch_size = recipe.train.batch_size;
  loading.threads = recipe.train.loader_threads;
  loading.normalise = recipe.preprocess.normalise;
  fold.cutoff = recipe.evaluate.cutoff;
  if (recipe.evaluate.cutoff_from == ThresholdFrom::validation) {
    const auto held = classify(job.model, set, job.split.validation, loading, job.engine);
    fold.cutoff = best_youden_cutoff(class_scores(held, job.classes), fold.cutoff);
    if (team().leads()) {
      change_weights_notes(fold_job.run.weights(), {{"image_cutoff", shortest(fold.cutoff)}});
    }
  }
  const auto images = classify(job.model, set, job.split.test, loading, job.engine);
  const auto scores = class_scores(images, job.classes);
  for (size_t i = 0; i < images.size(); ++i) {
    const auto& row = set.rows()[static_cast<size_t>(images[i].row)];
    fold.items.push_back({row.id, row.patient, row.domain, row.label, scores[i]});
  }
  fold.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (team().leads()) write_fold(result, fold);
  team().barrier("finishing " + fold_job.run.string());
  fold.fold = fold_job.fold;
  return fold;
}

void check_set_fits(const ClassifierRecipe& recipe, const PreparedSet& set) {
  if (set.header().preprocess != preprocess_text(recipe.preprocess)) {
    fail(ErrorKind::recipe,
         "the prepared set was made with other [preprocess] options; prepare it "
         "again with this recipe");
  }
  const EncoderClassifier model(recipe.network);
  const int64_t stride = model->stride(), channels = set.header().channels;
  const bool gray = channels == 1 && model->in_channels() == 3;
  const bool fits = set.header().height % stride == 0 && set.header().width % stride == 0;
  if (!fits || (channels != model->in_channels() && !gray)) {
    fail(ErrorKind::recipe, "the prepared images are " + std::to_string(channels) + " x " +
                                std::to_string(set.header().height) + " x " +
                                std::to_string(set.header().width) + ", and " + recipe.model +
                                " takes " + std::to_string(model->in_channels()) +
                                " channels and multiples of " + std::to_string(stride));
  }
}

Recipe data_recipe(const ClassifierRecipe& classifier) {
  Recipe recipe;
  recipe.preprocess = classifier.preprocess;
  recipe.augment = classifier.augment;
  recipe.split = classifier.split;
  return recipe;
}

}  // namespace groundglass
