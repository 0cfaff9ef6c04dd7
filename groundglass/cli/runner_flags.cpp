#include "groundglass/cli/runner_flags.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

RunWith run_with(const std::string& word) {
  if (word == "auto") return RunWith::automatic;
  if (word == "plan") return RunWith::plan;
  if (word == "libtorch") return RunWith::libtorch;
  fail(ErrorKind::usage, "--engine " + in_quotes(word) + ": expected auto, plan or libtorch");
}

}  // namespace

void add_runner_options(CLI::App* verb, RunnerFlags& flags) {
  verb->get_option("--precision")
      ->description("auto, fp32, bf16, or int8 with the ranges that quantise found");
  verb->add_option("--engine", flags.engine,
                   "plan (fused, CPU), libtorch, or auto: a plan where it gives the same masks");
  verb->add_option("--plans", flags.plans,
                   "folder where plans are kept between calls (beside the weights), or none");
}

RunnerChoice runner_choice(const RunnerFlags& flags, const Context& context) {
  return {run_with(flags.engine), flags.plans, context.precision == "int8"};
}

RunSettings settings_of_runner(const Context& context) {
  Context of_the_rest = context;
  if (of_the_rest.precision == "int8") of_the_rest.precision = "auto";
  return run_settings(of_the_rest);
}

SegmenterOptions segmenter_options(const TrainedModel& trained, const RunnerFlags& flags,
                                   const Context& context) {
  return segmenter_options(trained, settings_of_runner(context), runner_choice(flags, context));
}

}  // namespace groundglass
