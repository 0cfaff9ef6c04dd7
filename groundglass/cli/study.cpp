#include "groundglass/studies/study.h"

#include <iostream>

#include "groundglass/cli/verbs.h"

namespace groundglass {
namespace {

struct StudyArguments {
  std::string file, output, mode;
  StudyJob job;
};

void run_study_file(const StudyArguments& a, const Context& context) {
  const StudyFile study = read_study_file(a.file);
  StudyJob job = a.job;
  if (!a.mode.empty()) job.protocol = value_of<Protocol>("study", "--mode", a.mode);
  job.output = a.output;
  job.command = context.command;
  job.settings = run_settings(context);
  const StudyResult result = run_study(study, job, *console_observer(context));
  if (context.json) return print_json(result.json);
  std::cout << result.text << std::flush;
}

}  // namespace

void add_study(CLI::App& app, Context& context) {
  auto a = std::make_shared<StudyArguments>();
  auto* verb = add_verb(app, context, "study",
                        "a table of a paper, or an ablation: trains its rows and compares them",
                        [a, &context] { run_study_file(*a, context); });
  verb->add_option("study", a->file, "TOML file; see recipes/studies")->required();
  verb->add_option("--data", a->job.data, "data set, or prepared set")->required();
  verb->add_option("--lung-data", a->job.lung_data,
                   "cascades: prepared set with lung masks, if --data is a prepared set");
  verb->add_option("-o,--output", a->output, "folder; the same command goes on in it")->required();
  verb->add_option("--mode", a->mode, "'paper' (with its leaks) or 'strict' (patients apart)");
  verb->add_option("--epochs", a->job.epochs, "instead of the recipes'");
  verb->add_option("--folds", a->job.folds, "only the first N folds of each row");
  verb->add_option("--row", a->job.rows, "only this row of the study; may be given again")
      ->allow_extra_args(false);
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
