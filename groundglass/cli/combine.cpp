#include "groundglass/cli/print_fold.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/runs/combined_run.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct CombineArguments {
  std::vector<std::string> runs;
  std::string data, output;
};

void run_combine(const CombineArguments& a, const Context& context) {
  const auto console = console_observer(context);
  const RunFolder output = fs::path(a.output);
  if (output.begun()) {
    fail(ErrorKind::usage,
         a.output + ": holds a training, which would be lost; choose another folder");
  }
  const Recipe recipe = load_trained_model(a.runs.front()).recipe;
  make_folder(a.output);
  const RunSettings settings = run_settings(context);
  const PreparedSet set(prepared_path(a.data, output, recipe, settings, *console));
  const FoldScores scores =
      combine_runs(a.output, {a.runs.begin(), a.runs.end()}, set, settings.engine);
  print_fold(a.output, scores, recipe, context);
}

}  // namespace

void add_combine(CLI::App& app, Context& context) {
  auto a = std::make_shared<CombineArguments>();
  auto* verb = add_verb(app, context, "combine",
                        "make one network of several runs: the mean of their answers",
                        [a, &context] { run_combine(*a, context); });
  verb->add_option("runs", a->runs, "run folders of one recipe and split, two at least")
      ->required();
  verb->add_option("--data", a->data, "data set, or prepared set, they were trained on")
      ->required();
  verb->add_option("-o,--output", a->output, "run folder")->required();
  add_engine_options(verb, context);
}

}  // namespace groundglass
