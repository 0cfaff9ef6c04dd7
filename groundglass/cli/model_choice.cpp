#include "groundglass/cli/model_choice.h"

#include <cstdlib>
#include <filesystem>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  if (const char* named = std::getenv("GROUNDGLASS_MODELS")) folders.emplace_back(named);
  std::error_code code;
  const fs::path binary = fs::read_symlink("/proc/self/exe", code);
  if (!code) {
    folders.push_back(binary.parent_path().parent_path() / "share/groundglass/models");
    folders.push_back(binary.parent_path().parent_path().parent_path().parent_path() / "models");
  }
  return folders;
}

fs::path find_model(const std::string& word) {
  if (fs::exists(word)) return word;
  std::vector<std::string> bundled;
  for (const auto& folder : model_folders()) {
    const fs::path file = folder / (word + ".safetensors");
    if (fs::exists(file)) return file;
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".safetensors")
        bundled.push_back(entry.path().stem().string());
    }
  }
  fail(ErrorKind::checkpoint, "--model " + in_quotes(word) +
                                  ": no such run folder, weights file or "
                                  "bundled model; bundled: " +
                                  listed(bundled));
}

}  // namespace

TrainedModel load_chosen_model(const std::string& word, const Context& context) {
  const std::string chosen = word.empty() ? kDefaultModel : word;
  TrainedModel trained = load_trained_model(find_model(chosen));
  trained.name = chosen;
  if (context.overrides.empty()) return trained;
  for (const auto& text : context.overrides) {
    if (text.rfind("preprocess.", 0) != 0) {
      fail(ErrorKind::usage,
           "--set " + in_quotes(text) + ": a trained model takes [preprocess] keys only");
    }
  }
  trained.recipe = parse_recipe(trained.recipe.resolved(), trained.name, context.overrides);
  return trained;
}

}  // namespace groundglass
