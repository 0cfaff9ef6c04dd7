#include "groundglass/cli/annotate.h"

#include <iostream>
#include <set>

#include "groundglass/annotate/annotators.h"
#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/final_masks.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

struct InitArguments {
  std::string dataset, project;
  DataOptions data;
  UncertainOptions uncertain;
};

int64_t with_manual(const AnnotationStore& store) {
  return std::count_if(store.cases().begin(), store.cases().end(),
                       [](const AnnotationCase& c) { return !c.manual.empty(); });
}

void run_init(const InitArguments& a, const Context& context) {
  const auto observer = console_observer(context);
  if (a.uncertain.most > 0 && a.uncertain.adaptation.empty()) {
    fail(ErrorKind::usage,
         "--most is set without --adaptation, which says how certain the images "
         "are; expected both or neither");
  }
  const auto store =
      begin_project(a.dataset, a.project, a.data, context.threads, *observer, a.uncertain);
  const auto cases = static_cast<int64_t>(store.cases().size()), manual = with_manual(store);
  if (context.json) {
    return print_json({{"project", a.project},
                       {"source", store.notes().source},
                       {"cases", cases},
                       {"with_manual_mask", manual},
                       {"without", cases - manual}});
  }
  std::cout << a.project << ": " << cases << " cases, " << manual
            << " with a manual mask (stage 1), " << cases - manual << " without (stage 2)"
            << std::endl;
}

ordered_json round_json(AnnotationStore& store, const Round& round) {
  std::vector<Choice> choices;
  for (const auto& c : store.choices()) {
    if (c.round == round.id) choices.push_back(c);
  }
  const auto annotators = annotators_json(choices);
  std::set<int64_t> shown;
  for (const auto& c : store.candidates(round.id)) shown.insert(c.case_id);
  return {
      {"round", round.id},
      {"stage", round.stage},
      {"networks", round.networks},
      {"proposals", store.proposals(round.id).size()},
      {"cases", shown.size()},
      {"begun", round.begun},
      {"finished", round.finished.empty() ? ordered_json(nullptr) : ordered_json(round.finished)},
      {"annotators", annotators}};
}

void run_status(const std::string& project, const Context& context) {
  AnnotationStore store(project);
  const auto result = final_masks(store);
  ordered_json document = {{"project", project},
                           {"source", store.notes().source},
                           {"cases", store.cases().size()},
                           {"with_manual_mask", with_manual(store)},
                           {"rounds", ordered_json::array()},
                           {"chosen_or_drawn", result.masks.size()},
                           {"rejected_and_not_drawn", result.rejected.size()},
                           {"waiting", result.waiting.size()}};
  for (const auto& round : store.rounds()) document["rounds"].push_back(round_json(store, round));
  if (context.json) return print_json(document);
  std::cout << project << ": " << store.cases().size() << " cases of " << store.notes().source
            << ", " << with_manual(store) << " with a manual mask\n";
  for (const auto& round : document["rounds"]) {
    std::cout << "round " << round["round"] << ", stage " << round["stage"] << ": "
              << round["networks"].size() << " networks, " << round["proposals"] << " proposals, "
              << (round["finished"].is_null() ? "unfinished" : "panels written") << "\n";
    for (const auto& person : round["annotators"]) {
      std::cout << "  " << person["name"].get<std::string>() << ": " << person["choices"] << " of "
                << round["cases"] << " chosen, " << person["rejected"] << " rejected, "
                << person["drawn"] << " drawn";
      if (!person["median_seconds"].is_null()) {
        std::cout << ", median " << fixed(person["median_seconds"], 0) << " s";
      }
      std::cout << "\n";
    }
  }
  std::cout << result.masks.size() << " masks chosen or drawn, " << result.rejected.size()
            << " cases rejected and not drawn, " << result.waiting.size() << " waiting"
            << std::endl;
}

}  // namespace

void add_mask_options(CLI::App* verb, DataOptions& data) {
  verb->add_option("--mask", data.mask, "column of the manual masks in a table");
  add_labels_option(verb, data, "mask values: binary, any or classes");
  verb->add_option("--classes", data.classes, "for --labels classes: how many");
}

void add_annotate(CLI::App& app, Context& context) {
  auto* annotate =
      add_verb(app, context, "annotate",
               "rounds of annotation: networks propose, people choose blindly or draw", {});
  annotate->callback({});  // called after the words below, it would take the place of their work
  annotate->require_subcommand(1);
  auto a = std::make_shared<InitArguments>();
  auto* init = add_verb(*annotate, context, "init", "begin a project from a data set",
                        [a, &context] { run_init(*a, context); });
  init->add_option("dataset", a->dataset, "table or data set folder; masks may be missing")
      ->required();
  init->add_option("-o,--output", a->project, "the project's folder")->required();
  add_mask_options(init, a->data);
  init->add_option("--adaptation", a->uncertain.adaptation,
                   "run folder of `adapt`: only the images that it was not certain of");
  init->add_option("--most", a->uncertain.most,
                   "with --adaptation: so many, the least certain; 0 for all");
  add_annotate_propose(*annotate, context);
  add_annotate_choose(*annotate, context);
  add_annotate_export(*annotate, context);
  add_annotate_simulate(*annotate, context);
  auto project = std::make_shared<std::string>();
  auto* status = add_verb(*annotate, context, "status", "what is done and what is waiting",
                          [project, &context] { run_status(*project, context); });
  status->add_option("project", *project, "the project's folder")->required();
}

}  // namespace groundglass
