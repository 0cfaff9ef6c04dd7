#include "groundglass/runs/model_choice.h"

#include <cstdlib>
#include <filesystem>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/shared_files.h"
#include "groundglass/core/text.h"
#include "groundglass/infer/graph/torchscript_file.h"
#include "groundglass/runs/noted_numbers.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  if (const char* named = std::getenv("GROUNDGLASS_MODELS")) folders.emplace_back(named);
  for (auto& shared : shared_folders("models")) folders.push_back(std::move(shared));
  return folders;
}

fs::path find_model(const std::string& word) {
  if (fs::path found = model_path(word); !found.empty()) return found;
  std::vector<std::string> bundled;
  for (const auto& [name, file] : bundled_models()) bundled.push_back(name);
  fail(ErrorKind::checkpoint, "--model " + in_quotes(word) +
                                  ": no such run folder, weights file or "
                                  "bundled model; bundled: " +
                                  listed(bundled));
}

bool is_torchscript(const fs::path& path) {
  return path.extension() == ".pt" && fs::is_regular_file(path);
}

TrainedModel read_exported(const fs::path& path) {
  const TorchScriptFile file = read_torchscript(path);
  const auto note = [&](const char* key) {
    const auto found = file.notes.find(key);
    return found == file.notes.end() ? std::string() : found->second;
  };
  if (note("recipe").empty() || note("threshold").empty()) {
    fail(ErrorKind::checkpoint,
         path.string() +
             ": carries no preprocessing notes, as `groundglass export` writes them with a trained "
             "network; `groundglass bench --models` takes it as it is");
  }
  TrainedModel trained;
  trained.recipe = parse_recipe(note("recipe"), path.string() + " (recipe)");
  take_numbers(trained, file.notes, path);
  trained.model = TorchScriptModel::exported(file, path);
  trained.weights_sha256 = sha256_of_file(path);
  trained.path = path;
  return trained;
}

TrainedModel named(TrainedModel trained, const std::string& chosen,
                   const std::vector<std::string>& overrides) {
  trained.name = chosen;
  if (overrides.empty()) return trained;
  for (const auto& text : overrides) {
    if (text.rfind("preprocess.", 0) != 0) {
      fail(ErrorKind::usage,
           "--set " + in_quotes(text) + ": a trained model takes [preprocess] keys only");
    }
  }
  trained.recipe = parse_recipe(trained.recipe.resolved(), trained.name, overrides);
  return trained;
}

}  // namespace

std::map<std::string, fs::path> bundled_models() {
  std::map<std::string, fs::path> found;
  for (const auto& folder : model_folders()) {
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const fs::path& file = entry.path();
      if (file.extension() == ".safetensors") found.emplace(file.stem().string(), file);
    }
  }
  return found;
}

fs::path model_path(const std::string& word) {
  return fs::exists(word) ? fs::path(word) : bundled_model(word);
}

fs::path bundled_file(const std::string& name) {
  for (const auto& folder : model_folders()) {
    if (fs::exists(folder / name)) return folder / name;
  }
  return {};
}

fs::path bundled_model(const std::string& name) {
  return bundled_file(name + ".safetensors");
}

TrainedModel load_chosen_model(const std::string& word, const std::vector<std::string>& overrides) {
  const std::string chosen = word.empty() ? kDefaultModel : word;
  const fs::path path = find_model(chosen);
  if (is_torchscript(path)) {
    fail(ErrorKind::checkpoint, path.string() +
                                    ": a TorchScript file can only be run (predict, detect, "
                                    "bench); name the run folder or weights file it came from");
  }
  return named(load_trained_model(path), chosen, overrides);
}

TrainedModel load_runnable_model(const std::string& word,
                                 const std::vector<std::string>& overrides) {
  if (!is_torchscript(word)) return load_chosen_model(word, overrides);
  return named(read_exported(word), word, overrides);
}

void warn_of(const TrainedModel& trained, Observer& observer) {
  const std::string& caution = trained.recipe.evaluate.caution;
  if (!caution.empty()) observer.on(Warning{trained.name + ": " + caution});
}

}  // namespace groundglass
