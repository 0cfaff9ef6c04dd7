#include <iostream>

#include "groundglass/annotate/project_files.h"
#include "groundglass/cli/annotate.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

void run_propose(const std::string& project, ProposeJob job, const Context& context) {
  AnnotationStore store(project);
  job.settings = run_settings(context);
  const auto observer = console_observer(context);
  const Round round = propose_round(store, job, *observer);
  const auto cases = store.proposals(round.id).size() / round.networks.size();
  const fs::path folder = handout_folder(store, round.id);
  if (context.json) {
    return print_json({{"project", project},
                       {"round", round.id},
                       {"stage", round.stage},
                       {"networks", round.networks},
                       {"cases", cases},
                       {"handout", folder.string()},
                       {"choices", (folder / "choices.csv").string()},
                       {"key", key_path(store, round.id).string()}});
  }
  std::cout << "round " << round.id << ", stage " << round.stage << ": " << cases << " cases, "
            << round.networks.size() << " networks"
            << (round.stage == 1 ? " and the manual mask" : "") << "; give " << folder.string()
            << " to the annotators and keep " << key_path(store, round.id).string() << " from them"
            << std::endl;
}

}  // namespace

void add_propose_options(CLI::App* verb, ProposeJob& a, Context& context) {
  verb->add_option("--recipes", a.recipes, "networks to train: r1.toml,r2.toml")->delimiter(',');
  verb->add_option("--runs", a.runs, "trained networks: folders of `train --fold all`, or runs")
      ->delimiter(',');
  verb->add_option("--models", a.models, "trained networks: run folders, files or bundled names")
      ->delimiter(',');
  verb->add_option("--folds", a.folds, "instead of the recipes'")->check(CLI::Range(2, 100));
  verb->add_option("--epochs", a.epochs, "instead of the recipes'");
  verb->add_option("--cases-per-page", a.cases_per_page, "of one HTML page")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--side", a.side, "pixels of one picture in a panel")
      ->check(CLI::Range(64, 2048));
  verb->add_flag("--restart", a.restart, "give up an unfinished round with its networks");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

void add_annotate_propose(CLI::App& annotate, Context& context) {
  auto a = std::make_shared<ProposeJob>();
  auto project = std::make_shared<std::string>();
  auto* verb = add_verb(annotate, context, "propose", "networks propose; blind panels are written",
                        [a, project, &context] { run_propose(*project, *a, context); });
  verb->add_option("project", *project, "the project's folder")->required();
  verb->add_option("--stage", a->stage,
                   "1: cases with manual masks, out of fold; 2: the cases without")
      ->check(CLI::Range(1, 2));
  add_propose_options(verb, *a, context);
}

}  // namespace groundglass
