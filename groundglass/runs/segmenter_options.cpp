#include "groundglass/runs/segmenter_options.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/runs/recipe_preparation.h"
#include "groundglass/runs/stored_temperature.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

fs::path folder_of_plans(const TrainedModel& trained) {
  const bool run = fs::is_directory(trained.path);
  const fs::path home = run ? trained.path : fs::absolute(trained.path).parent_path();
  if (access(home.c_str(), W_OK) == 0) {
    return run ? home / "plans" : fs::path(trained.path).replace_extension(".plans");
  }
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* user = std::getenv("HOME");
  if (cache == nullptr && user == nullptr) return {};
  const fs::path base = cache != nullptr ? fs::path(cache) : fs::path(user) / ".cache";
  return base / "groundglass" / "plans" / trained.weights_sha256.substr(0, 12);
}

}  // namespace

SegmenterOptions segmenter_options(const TrainedModel& trained, const RunSettings& settings,
                                   const RunnerChoice& choice) {
  SegmenterOptions options;
  options.model = trained.model;
  options.preprocess = trained.recipe.preprocess;
  options.threshold = trained.threshold;
  options.views = trained.recipe.evaluate.views;
  options.engine = settings.engine;
  if (choice.int8) options.ranges = int8_ranges(trained.path, trained.weights_sha256);
  options.threads = settings.threads;
  options.temperature = stored_temperature(trained);
  options.with = choice.with;
  options.identity = trained.weights_sha256;
  options.typicality = trained.typicality;
  options.mask_network = mask_network(options.preprocess, settings);
  if (choice.plans.empty()) {
    options.plans = folder_of_plans(trained);
  } else if (choice.plans != "none") {
    options.plans = choice.plans;
  }
  return options;
}

}  // namespace groundglass
