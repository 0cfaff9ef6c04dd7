#include <iostream>

#include "groundglass/annotate/simulate.h"
#include "groundglass/cli/annotate.h"
#include "groundglass/core/error.h"
#include "groundglass/data/dataset.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct SimulateArguments {
  std::string input, output;
  SimulateOptions options;
  ProposeJob propose;
  DataOptions data;
};

/// The project itself, or one of the data set under OUT/project with a finished round.
AnnotationStore project_of(const SimulateArguments& a, const Context& context, Observer& observer) {
  if (!is_dataset(a.input)) return AnnotationStore(a.input);
  AnnotationStore store =
      begin_project(a.input, fs::path(a.output) / "project", a.data, context.threads, observer);
  ProposeJob job = a.propose;
  job.settings = run_settings(context);
  propose_round(store, job, observer);
  return store;
}

void run_simulate(SimulateArguments a, const Context& context) {
  const auto observer = console_observer(context);
  if (context.seed >= 0) a.options.seed = static_cast<uint64_t>(context.seed);
  if (!a.options.references.empty() && is_dataset(a.input)) {
    fail(ErrorKind::usage, a.input +
                               ": is a data set, and --references plays the stage 2 of a "
                               "project; expected a project's folder");
  }
  AnnotationStore store = project_of(a, context, *observer);
  const Simulation result =
      simulate_annotation(store, a.output, a.options, context.threads, *observer);
  if (context.json) return print_json(simulation_json(result, store));
  std::cout << simulation_text(result) << std::flush;
}

}  // namespace

void add_annotate_simulate(CLI::App& annotate, Context& context) {
  auto a = std::make_shared<SimulateArguments>();
  auto* verb = add_verb(annotate, context, "simulate",
                        "play the annotator by hidden masks: quality and time gained",
                        [a, &context] { run_simulate(*a, context); });
  SimulateOptions& o = a->options;
  verb->add_option("input", a->input, "a project, or a data set whose masks are hidden")
      ->required();
  verb->add_option("-o,--output", a->output, "folder for the tables and the played choices")
      ->required();
  verb->add_option("--tau", o.tau, "reject below this Dice")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--noise", o.noise, "standard deviation of the eye's error, in Dice")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->add_option("--slip", o.slip, "of a hurried drawing, share of the longer side")
      ->check(CLI::Range(0.0, 0.4))
      ->capture_default_str();
  verb->add_option("--seconds-per-drawing", o.seconds_per_drawing, "an assumption")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--seconds-per-choice", o.seconds_per_choice, "an assumption")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--references", o.references,
                   "play stage 2 of a project: a table with the masks that its cases lack");
  add_mask_options(verb, a->data);
  add_propose_options(verb, a->propose, context);
}

}  // namespace groundglass
