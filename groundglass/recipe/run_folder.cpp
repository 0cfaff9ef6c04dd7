#include "groundglass/recipe/run_folder.h"

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
#include "groundglass/losses/distillation_loss.h"
#include "groundglass/recipe/comparable.h"
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

std::map<std::string, torch::Tensor> widened(std::map<std::string, torch::Tensor> tensors) {
  for (auto& [name, tensor] : tensors) {
    if (tensor.scalar_type() == torch::kFloat16) tensor = tensor.to(torch::kFloat32);
  }
  return tensors;
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

/// Rows that a network of this split may know: to train and to validate on, copies left out.
std::vector<int64_t> rows_seen(const Split& split) {
  std::set<int64_t> rows;
  for (const auto& entry : split.train) rows.insert(entry.row);
  for (const auto& entry : split.validation) rows.insert(entry.row);
  return {rows.begin(), rows.end()};
}

/// Throws unless the teacher saw pictures prepared alike, answers in as many channels and was
/// trained on this very split: one of another split may have seen this one's test patients.
void check_teacher(const TrainedModel& teacher, const Recipe& recipe, const TrainJob& job) {
  const std::string begin = "[distil] teacher " + teacher.name + ": ";
  if (preprocess_text(teacher.recipe.preprocess) != preprocess_text(recipe.preprocess) ||
      teacher.recipe.preprocess.normalise != recipe.preprocess.normalise) {
    fail(ErrorKind::recipe, begin +
                                "was trained on images prepared otherwise; expected the same "
                                "[preprocess]");
  }
  if (teacher.model->out_channels() != job.model->out_channels()) {
    fail(ErrorKind::recipe, begin + "has " + std::to_string(teacher.model->out_channels()) +
                                " output channels, the network " +
                                std::to_string(job.model->out_channels()));
  }
  const fs::path split = teacher.path / "split.json";
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
TrainJob job_of(const fs::path& run, const Recipe& recipe, const PreparedSet& set,
                const Split& split, const Engine& engine, Observer& observer) {
  at::manual_seed(static_cast<uint64_t>(recipe.train.seed));
  TrainJob job;
  job.model = recipe.model.make();
  if (!recipe.start.weights.empty() && !fs::exists(run / "state.safetensors")) {
    const auto report = import_weights(*job.model, recipe.start.weights, recipe.start.layout);
    observer.on(Warning{recipe.start.weights + ": " + report.text()});
  }
  job.loss = recipe.loss_function();
  job.options = recipe.train;
  job.augment = recipe.augment;
  job.normalise = recipe.preprocess.normalise;
  job.threshold = recipe.evaluate.threshold;
  job.set = &set;
  job.split = split;
  job.engine = engine;
  job.run = run;
  job.weights_notes = weights_notes(recipe, recipe.evaluate.threshold);
  job.weights_notes["typicality"] = Typicality::of(set, rows_seen(split)).json();
  if (recipe.distil) {
    const TrainedModel teacher = load_trained_model(recipe.distil->teacher);
    check_teacher(teacher, recipe, job);
    job.teacher = Teacher{teacher.model, distillation_loss, recipe.distil->weight};
    job.weights_notes["teacher"] = teacher.weights_sha256;
  }
  return job;
}

/// One number of classes in the masks, the recipe and the network, and a loss that takes it.
void check_classes_fit(const Recipe& recipe, const PreparedHeader& header, int64_t channels) {
  const int64_t classes = recipe.data.labels == "classes" ? recipe.data.classes : 2;
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
             in_quotes(recipe.data.labels) + " have " + with_background(classes) +
             "; expected out_channels = " + std::to_string(classes) +
             (classes == 2 ? " or 1" : "") +
             (channels > 2
                  ? ", or [data] labels = 'classes' and classes = " + std::to_string(channels)
                  : ""));
  }
  if (channels > 2 && recipe.evaluate.threshold_from == "validation") {
    fail(ErrorKind::recipe, "[evaluate] threshold_from is 'validation', and a softmax of " +
                                std::to_string(channels) +
                                " classes has no threshold to choose: the likeliest class wins; "
                                "expected 'fixed'");
  }
  const torch::NoGradGuard no_grad;  // a loss that does not take so many classes says so here
  recipe.loss_function()(torch::zeros({1, channels, 4, 4}), torch::zeros({1, 4, 4}, torch::kUInt8));
}

}  // namespace

std::set<std::string> ids_in_split(const fs::path& run, const std::vector<std::string>& parts) {
  std::set<std::string> ids;
  if (!fs::exists(run / "split.json")) return ids;
  const auto document = ordered_json::parse(read_file(run / "split.json"), nullptr, false);
  if (!document.is_object()) fail(ErrorKind::checkpoint, "split.json is no JSON object");
  for (const auto& part : parts) {
    for (const auto& id : document.value(part, ordered_json::array())) ids.insert(id);
  }
  return ids;
}

std::map<std::string, std::string> weights_notes(const Recipe& recipe, double threshold) {
  return {{"format", "groundglass-weights-1"},
          {"model", recipe.model.name},
          {"recipe", recipe.resolved()},
          {"threshold", shortest(threshold)},
          {"version", version()},
          {"commit", commit()},
          {"note", kNotAMedicalDevice}};
}

TrainedModel load_trained_model(const fs::path& run_or_file) {
  fs::path file = run_or_file;
  if (fs::is_directory(run_or_file)) {
    file = run_or_file / "weights.safetensors";
    if (!fs::exists(file)) {
      std::vector<std::string> folds;
      for (const auto& entry : fs::directory_iterator(run_or_file)) {
        if (fs::exists(entry.path() / "weights.safetensors"))
          folds.push_back(entry.path().string());
      }
      std::sort(folds.begin(), folds.end());
      fail(ErrorKind::checkpoint,
           run_or_file.string() + ": holds no weights.safetensors" +
               (folds.empty() ? "; is it a run folder whose first epoch has ended?"
                              : "; choose one of " + listed(folds)));
    }
  }
  const TensorArchive archive = read_safetensors(file);
  const auto note = [&](const char* key) -> const std::string& {
    const auto found = archive.metadata.find(key);
    if (found == archive.metadata.end()) {
      fail(ErrorKind::checkpoint, file.string() + ": carries no " + in_quotes(key) +
                                      "; weights from elsewhere must be imported first");
    }
    return found->second;
  };
  TrainedModel trained;
  trained.name = run_or_file.string();
  trained.recipe = parse_recipe(note("recipe"), file.string() + " (recipe)");
  trained.threshold = std::stod(note("threshold"));
  trained.path = run_or_file;
  if (archive.metadata.count("temperature") > 0) {
    trained.temperature = std::stod(note("temperature"));
  }
  if (archive.metadata.count("typicality") > 0) {
    trained.typicality = Typicality::from_json(note("typicality"), file.string());
  }
  trained.model = trained.recipe.model.make();
  load_weights(*trained.model, widened(archive.tensors), file.string());
  trained.model->eval();
  for (auto& p : trained.model->parameters()) p.set_requires_grad(false);
  trained.weights_sha256 = sha256_of_file(file);
  return trained;
}

void begin_run(const fs::path& run, const Recipe& recipe, const Split& split,
               const PreparedSet& set, const Engine& engine) {
  make_folder(run);
  const std::string resolved = recipe.resolved(), split_text = split_json(split, set.rows());
  if (fs::exists(run / "state.safetensors")) {
    const Recipe earlier = read_recipe(run / "recipe.toml");
    if (comparable(earlier) != comparable(recipe)) {
      fail(ErrorKind::usage, run.string() + ": holds a run of another recipe (now: " +
                                 first_difference(comparable(earlier), comparable(recipe)) +
                                 "); choose another folder");
    }
    if (read_file(run / "split.json") != split_text) {
      fail(ErrorKind::usage, run.string() +
                                 ": holds a run on other data or another split; choose "
                                 "another folder");
    }
  }
  write_file(run / "split.json", split_text);
  if (!fs::exists(run / "environment.json")) {  // a later call goes on with this run, or reads it
    write_file(run / "environment.json", environment_json(set, engine));
  }
  write_file(run / "recipe.toml", resolved);
}

FoldScores score_fold(const fs::path& run, const Recipe& recipe, const PreparedSet& set,
                      const Split& split, const Engine& engine, SegmentationModel& model,
                      std::map<std::string, std::string> notes, int64_t best_epoch) {
  ScoreOptions options = recipe.scoring(engine);
  if (recipe.evaluate.threshold_from == "validation") {
    options.threshold =
        best_threshold(score_entries(model, set, split.validation, options), set.rows());
    notes["threshold"] = shortest(options.threshold);
    write_safetensors(run / "weights.safetensors", {named_weights(model), notes});
  }
  FoldScores scores = name_scores(score_entries(model, set, split.test, options), set.rows());
  scores.best_epoch = best_epoch;
  scores.threshold = options.threshold;
  write_fold_scores(run / "test.json", scores);
  return scores;
}

FoldScores train_fold(const fs::path& run, const Recipe& recipe, const PreparedSet& set,
                      const Split& split, const Engine& engine, Observer& observer) {
  begin_run(run, recipe, split, set, engine);
  if (fs::exists(run / "test.json") && fs::exists(run / "state.safetensors") &&
      !has_unfinished_state(run)) {
    return read_fold_scores(run / "test.json");
  }
  const auto begin = std::chrono::steady_clock::now();
  const TrainJob job = job_of(run, recipe, set, split, engine, observer);
  const TrainResult result = train(job, observer);
  FoldScores scores =
      score_fold(run, recipe, set, split, engine, *job.model, job.weights_notes, result.best_epoch);
  scores.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  write_fold_scores(run / "test.json", scores);
  return scores;
}

std::vector<EpochDone> train_epochs(const fs::path& run, const Recipe& recipe,
                                    const PreparedSet& set, const Split& split,
                                    const Engine& engine, int64_t epochs, Observer& observer) {
  begin_run(run, recipe, split, set, engine);
  TrainJob job = job_of(run, recipe, set, split, engine, observer);
  job.pause_after = epochs;
  train(job, observer);
  return read_history(run);
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
