#include <iostream>

#include "groundglass/cli/verbs.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/pairs.h"

namespace groundglass {
namespace {

struct EvaluateArguments {
  std::string predictions, references, output;
  DataOptions data{"", "any", 2};
};

std::string cell(const std::optional<double>& value) {
  return value ? fixed(*value, 4) : "-";
}

std::string interval_cell(const std::optional<Interval>& interval) {
  return interval ? fixed(interval->low, 3) + " to " + fixed(interval->high, 3) : "-";
}

void print_text(const std::vector<ScoredItem>& items) {
  std::printf("%-18s %6s %6s %9s %9s %8s %8s %8s %8s  %-16s %s\n", "domain", "masks", "cases",
              "patients", "soft Dice", "Dice", "IoU", "prec.", "sens.", "Dice 95 %",
              "mean Dice of cases (95 %)");
  for (const auto& d : domain_scores(items)) {
    const auto mean = d.means.scores.find("dice");
    std::printf("%-18s %6lld %6lld %9lld %9s %8s %8s %8s %8s  %-16s %s (%s)\n", d.name.c_str(),
                static_cast<long long>(d.items), static_cast<long long>(d.means.cases),
                static_cast<long long>(d.intervals.patients), cell(d.pooled.soft_dice).c_str(),
                cell(d.pooled.dice).c_str(), cell(d.pooled.iou).c_str(),
                cell(d.pooled.precision).c_str(), cell(d.pooled.sensitivity).c_str(),
                interval_cell(d.intervals.pooled).c_str(),
                mean == d.means.scores.end() ? "-" : fixed(mean->second.mean, 4).c_str(),
                interval_cell(d.intervals.case_mean).c_str());
  }
  const auto means = case_means(by_case(items));
  std::cout << "cases:";
  for (const auto& [status, n] : means.status) std::cout << " " << n << " " << status;
  std::cout << std::endl;
}

std::string cases_csv(const std::vector<ScoredItem>& items) {
  std::vector<std::string> head = {"case", "domain", "patient", "status"};
  head.insert(head.end(), score_names().begin(), score_names().end());
  std::string text = csv_line(head);
  for (const auto& item : by_case(items)) {
    std::vector<std::string> cells = {item.case_id, item.domain, item.patient,
                                      to_string(case_status(item.counts))};
    const ScoreRow row = pooled_scores({item});
    for (const auto& name : score_names()) {
      const auto value = score(row, name);
      cells.push_back(value ? shortest(*value) : "");
    }
    text += csv_line(cells);
  }
  return text;
}

void run_evaluate(const EvaluateArguments& a, const Context& context) {
  a.data.check();
  const auto observer = console_observer(context);
  const auto pairs = pair_masks(a.predictions, a.references, {a.data.mask});
  const auto items = score_pairs(pairs, a.data, context.threads, *observer);
  const auto document = evaluation_json(items);
  if (!a.output.empty()) {
    write_file(std::filesystem::path(a.output) / "evaluation.json", document.dump(1) + "\n");
    write_file(std::filesystem::path(a.output) / "cases.csv", cases_csv(items));
  }
  if (context.json) return print_json(document);
  print_text(items);
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  auto a = std::make_shared<EvaluateArguments>();
  auto* verb = add_verb(app, context, "evaluate", "hold predicted masks against reference masks",
                        [a, &context] { run_evaluate(*a, context); });
  verb->add_option("predictions", a->predictions, "what `predict` wrote")->required();
  verb->add_option("references", a->references, "data set table or folder, or folder of masks")
      ->required();
  verb->add_option("-o,--output", a->output, "folder for evaluation.json and cases.csv");
  verb->add_option("--mask", a->data.mask, "mask column of the table");
  verb->add_option("--labels", a->data.labels,
                   "reference values: any (above 0 is infected), binary or classes");
  verb->add_option("--classes", a->data.classes, "for --labels classes: how many");
}

}  // namespace groundglass
