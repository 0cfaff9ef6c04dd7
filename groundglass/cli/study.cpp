#include "groundglass/cli/study.h"

#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

void run_study(const StudyArguments& a, const Context& context) {
  const StudyFile study = read_study_file(a.file);
  if (!a.mode.empty()) check_word("study", "--mode", a.mode, {"paper", "strict"});
  using Runner = void (*)(const StudyFile&, const StudyArguments&, const Context&);
  static const std::map<std::string, Runner> kinds = {{"adaptation", run_adaptation_study},
                                                      {"detection", run_detection_study},
                                                      {"rows", run_rows_study}};
  const auto found = kinds.find(study.study.kind);
  if (found == kinds.end()) {
    std::vector<std::string> known;
    for (const auto& [name, runner] : kinds) known.push_back(name);
    fail(ErrorKind::recipe, study.path.string() + ": kind = " + in_quotes(study.study.kind) +
                                ", expected " + listed(known));
  }
  found->second(study, a, context);
}

}  // namespace

std::string StudyArguments::command(const Context& context) const {
  std::string text = "groundglass study " + file + " --data " + data;
  if (!lung_data.empty()) text += " --lung-data " + lung_data;
  if (!mode.empty()) text += " --mode " + mode;
  if (epochs > 0) text += " --epochs " + std::to_string(epochs);
  if (folds > 0) text += " --folds " + std::to_string(folds);
  for (const auto& row : rows) text += " --row '" + row + "'";
  for (const auto& set : context.overrides) text += " --set '" + set + "'";
  if (context.precision != "auto") text += " --precision " + context.precision;
  return text + " -o " + output;
}

void add_study(CLI::App& app, Context& context) {
  auto a = std::make_shared<StudyArguments>();
  auto* verb = add_verb(app, context, "study",
                        "a table of a paper, or an ablation: trains its rows and compares them",
                        [a, &context] { run_study(*a, context); });
  verb->add_option("study", a->file, "TOML file; see recipes/studies")->required();
  verb->add_option("--data", a->data, "data set, or prepared set")->required();
  verb->add_option("--lung-data", a->lung_data,
                   "cascades: prepared set with lung masks, if --data is a prepared set");
  verb->add_option("-o,--output", a->output, "folder; the same command goes on in it")->required();
  verb->add_option("--mode", a->mode, "'paper' (with its leaks) or 'strict' (patients apart)");
  verb->add_option("--epochs", a->epochs, "instead of the recipes'");
  verb->add_option("--folds", a->folds, "only the first N folds of each row");
  verb->add_option("--row", a->rows, "only this row of the study; may be given again")
      ->allow_extra_args(false);
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
