#include "groundglass/cli/segmenter_choice.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/infer/plan/int8_ranges.h"
#include "groundglass/recipe/stored_temperature.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

RunWith run_with(const std::string& word) {
  if (word == "auto") return RunWith::automatic;
  if (word == "plan") return RunWith::plan;
  if (word == "libtorch") return RunWith::libtorch;
  fail(ErrorKind::usage, "--engine " + in_quotes(word) + ": expected auto, plan or libtorch");
}

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

void add_runner_options(CLI::App* verb, RunnerChoice& choice) {
  choice.int8 = true;
  verb->get_option("--precision")
      ->description("auto, fp32, bf16, or int8 with the ranges that quantise found");
  verb->add_option("--engine", choice.engine,
                   "plan (fused, CPU), libtorch, or auto: a plan where it gives the same masks");
  verb->add_option("--plans", choice.plans,
                   "folder where plans are kept between calls (beside the weights), or none");
}

SegmenterOptions segmenter_options(const TrainedModel& trained, const RunnerChoice& choice,
                                   const Context& context) {
  SegmenterOptions options;
  options.model = trained.model;
  options.preprocess = trained.recipe.preprocess;
  options.threshold = trained.threshold;
  options.views = trained.recipe.evaluate.views;
  const bool int8 = choice.int8 && context.precision == "int8";
  Context of_the_rest = context;
  if (int8) of_the_rest.precision = "auto";
  options.engine = engine_of(of_the_rest);
  if (int8) options.ranges = int8_ranges(trained.path, trained.weights_sha256);
  options.threads = context.threads;
  options.temperature = stored_temperature(trained);
  options.with = run_with(choice.engine);
  options.identity = trained.weights_sha256;
  options.typicality = trained.typicality;
  if (choice.plans.empty()) {
    options.plans = folder_of_plans(trained);
  } else if (choice.plans != "none") {
    options.plans = choice.plans;
  }
  return options;
}

}  // namespace groundglass
