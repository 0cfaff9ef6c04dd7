#include "groundglass/recipe/classifier_recipe.h"

#include <algorithm>
#include <chrono>

#include <toml++/toml.h>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/recipe/comparable.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_table.h"
#include "groundglass/recipe/recipe_writer.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

const std::vector<std::string> kClassifierSections = {"paper",  "preprocess", "augment",  "split",
                                                      "labels", "model",      "evaluate", "train"};
constexpr const char* kFormat = "groundglass-classifier-1";

void read_model(const toml::table& recipe, ClassifierRecipe& out) {
  const toml::table& table = recipe_section(recipe, "model");
  RecipeReader reader(table, "model");
  reader.field({"name", "of the classifier; see `groundglass models`"}, out.model);
  const auto& presets = classifier_presets();
  const auto preset = std::find_if(presets.begin(), presets.end(),
                                   [&](const auto& p) { return p.name == out.model; });
  if (preset == presets.end()) {
    std::vector<std::string> known;
    for (const auto& p : presets) known.push_back(p.name);
    const std::string what =
        "unknown classifier " + in_quotes(out.model) + did_you_mean(out.model, known);
    const toml::node* name = table.get("name");
    if (name == nullptr) fail(ErrorKind::recipe, "[model] has no name = \"...\"");
    refuse_recipe(*name, what);
  }
  out.network = preset->options;
  out.network.fields(reader);
  reader.finish();
}

fs::path weights_file(const fs::path& run_or_file) {
  return fs::is_directory(run_or_file) ? run_or_file / "weights.safetensors" : run_or_file;
}

void begin_classifier_run(const fs::path& run, const ClassifierRecipe& recipe, const Split& split,
                          const PreparedSet& set) {
  make_folder(run);
  const std::string split_text = split_json(split, set.rows());
  if (fs::exists(run / "state.safetensors")) {
    if (comparable(read_classifier_recipe(run / "recipe.toml")) != comparable(recipe)) {
      fail(ErrorKind::usage,
           run.string() + ": holds a run of another recipe; choose another folder");
    }
    if (read_file(run / "split.json") != split_text) {
      fail(ErrorKind::usage, run.string() +
                                 ": holds a run on other data or another split; choose another "
                                 "folder");
    }
  }
  write_file(run / "split.json", split_text);
  write_file(run / "recipe.toml", recipe.resolved());
}

void write_fold(const fs::path& path, const ClassifierFold& fold) {
  json items = json::array();
  for (const auto& i : fold.items) {
    items.push_back({i.id, i.patient, i.domain, i.label, i.score.positive, i.score.value});
  }
  const json document = {{"fold", fold.fold},
                         {"best_epoch", fold.best_epoch},
                         {"seconds", fold.seconds},
                         {"warning", kSourceWarning},
                         {"columns", {"id", "patient", "domain", "label", "positive", "share"}},
                         {"items", items}};
  write_file(path, document.dump(1) + "\n");
}

ClassifierFold read_fold(const fs::path& path) {
  try {
    const json d = json::parse(read_file(path));
    ClassifierFold fold{d.at("fold"), d.at("best_epoch"), d.at("seconds"), {}};
    for (const auto& i : d.at("items")) {
      fold.items.push_back({i.at(0), i.at(1), i.at(2), i.at(3), {i.at(5), i.at(4)}});
    }
    return fold;
  } catch (const json::exception& e) {
    fail(ErrorKind::checkpoint, path.string() + ": is damaged (" + e.what() + ")");
  }
}

}  // namespace

std::string ClassifierRecipe::resolved() const {
  return written_section("paper", paper) + written_section("preprocess", preprocess) +
         written_section("augment", augment) + written_section("split", split) +
         written_section("labels", labels) + "[model]\nname = " + toml_string(model) + "\n" +
         written_fields(network) + "\n" + written_section("train", train) +
         written_section("evaluate", CutoffOptions{cutoff});
}

bool is_classifier_recipe(const fs::path& path) {
  if (!fs::is_regular_file(path)) return false;
  return recipe_table(read_file(path), path.string(), {}).get("labels") != nullptr;
}

ClassifierRecipe read_classifier_recipe(const fs::path& path,
                                        const std::vector<std::string>& overrides) {
  if (!fs::is_regular_file(path)) fail(ErrorKind::usage, path.string() + ": no such recipe");
  return parse_classifier_recipe(read_file(path), path.string(), overrides);
}

ClassifierRecipe parse_classifier_recipe(const std::string& text, const std::string& name,
                                         const std::vector<std::string>& overrides) {
  const toml::table table = recipe_table(text, name, overrides);
  for (const auto& [key, node] : table) {
    const std::string found(key.str());
    if (std::find(kClassifierSections.begin(), kClassifierSections.end(), found) ==
        kClassifierSections.end()) {
      refuse_recipe(node, "unknown section [" + found + "] in a classifier's recipe" +
                              did_you_mean(found, kClassifierSections));
    }
  }
  ClassifierRecipe recipe;
  recipe.paper = read_options<PaperOptions>(recipe_section(table, "paper"), "paper");
  recipe.preprocess =
      read_options<PreprocessOptions>(recipe_section(table, "preprocess"), "preprocess");
  recipe.augment = read_options<AugmentOptions>(recipe_section(table, "augment"), "augment");
  recipe.split = read_options<SplitOptions>(recipe_section(table, "split"), "split");
  recipe.labels = read_options<LabelOptions>(recipe_section(table, "labels"), "labels");
  read_model(table, recipe);
  recipe.train = read_options<TrainOptions>(recipe_section(table, "train"), "train");
  recipe.cutoff = read_options<CutoffOptions>(recipe_section(table, "evaluate"), "evaluate").cutoff;
  try {
    recipe.preprocess.check();
    recipe.augment.check();
    recipe.split.check();
    check_word("train", "monitor", recipe.train.monitor, {"auc", "last"});
    check_word("train", "sampling", recipe.train.sampling, {"shuffle", "domains", "patients"});
    TrainOptions others = recipe.train;
    others.monitor = "last";
    others.check();
    if (recipe.labels.positive.empty()) {
      fail(ErrorKind::recipe, "[labels] has no positive = [\"...\"]");
    }
    if (recipe.split.lacks_validation() && recipe.train.monitor != "last") {
      fail(ErrorKind::recipe, "[split] mode " + in_quotes(recipe.split.mode) +
                                  " has no validation rows to choose by; expected [train] monitor "
                                  "'last'");
    }
  } catch (const Error& e) {
    fail(ErrorKind::recipe, name + ": " + e.what());
  }
  return recipe;
}

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
  return format != notes.end() && format->second == kFormat;
}

TrainedClassifier load_trained_classifier(const fs::path& run_or_file) {
  const fs::path file = weights_file(run_or_file);
  if (!fs::is_regular_file(file)) {
    fail(ErrorKind::checkpoint, run_or_file.string() + ": holds no weights of a classifier");
  }
  const TensorArchive archive = read_safetensors(file);
  const auto format = archive.metadata.find("format");
  if (format == archive.metadata.end() || format->second != kFormat) {
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
  return trained;
}

ClassifierFold train_classifier_fold(const fs::path& run, const ClassifierRecipe& recipe,
                                     const PreparedSet& set, const Split& split,
                                     const Engine& engine, Observer& observer) {
  begin_classifier_run(run, recipe, split, set);
  if (fs::exists(run / "test.json")) return read_fold(run / "test.json");
  const auto begin = std::chrono::steady_clock::now();
  at::manual_seed(static_cast<uint64_t>(recipe.train.seed));
  ClassifierJob job;
  job.model = EncoderClassifier(recipe.network);
  job.options = recipe.train;
  job.augment = recipe.augment;
  job.normalise = recipe.preprocess.normalise;
  job.set = &set;
  job.classes = classes_of(set.rows(), recipe.labels);
  job.split = split;
  job.engine = engine;
  job.run = run;
  job.weights_notes = {{"format", kFormat},           {"model", recipe.model},
                       {"recipe", recipe.resolved()}, {"version", version()},
                       {"commit", commit()},          {"note", kNotAMedicalDevice}};
  ClassifierFold fold;
  fold.best_epoch = train_classifier(job, observer).best_epoch;
  LoaderOptions loading;
  loading.batch_size = recipe.train.batch_size;
  loading.threads = recipe.train.loader_threads;
  loading.normalise = recipe.preprocess.normalise;
  const auto images = classify(job.model, set, split.test, loading, engine);
  const auto scores = class_scores(images, job.classes);
  for (size_t i = 0; i < images.size(); ++i) {
    const auto& row = set.rows()[static_cast<size_t>(images[i].row)];
    fold.items.push_back({row.id, row.patient, row.domain, row.label, scores[i]});
  }
  fold.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  write_fold(run / "test.json", fold);
  return fold;
}

}  // namespace groundglass
