#include "groundglass/evaluate/class_section.h"

#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/class_table.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// Over the folds in which the class has a score.
std::optional<MeanAndDeviation> over_folds(const ClassRows& rows) {
  std::vector<double> values;
  for (const auto& value : rows.dice_of_fold) {
    if (value) values.push_back(*value);
  }
  if (values.empty()) return {};
  return mean_and_deviation(values);
}

void add_fold(ClassRows& rows, const std::vector<ScoredItem>& items, bool pool) {
  rows.dice_of_fold.push_back(pooled_scores(items).dice);
  if (pool) rows.items.insert(rows.items.end(), items.begin(), items.end());
}

}  // namespace

std::vector<ClassRows> class_rows(const std::vector<FoldScores>& folds,
                                  const std::vector<std::string>& class_names) {
  const int64_t classes = folds.empty() ? 0 : counted_classes(folds.front().items);
  if (classes == 0) return {};
  const bool shared = share_a_test_set(folds);
  std::vector<ClassRows> all = {{"any infection", {}, {}}};
  for (int64_t k = 1; k <= classes; ++k) all.push_back({class_name(class_names, k), {}, {}});
  for (size_t f = 0; f < folds.size(); ++f) {
    const bool pool = f == 0 || !shared;
    add_fold(all[0], folds[f].items, pool);
    for (int64_t k = 1; k <= classes; ++k) {
      add_fold(all[static_cast<size_t>(k)], items_of_class(folds[f].items, k), pool);
    }
  }
  return all;
}

std::string class_section(const std::vector<FoldScores>& folds,
                          const std::vector<std::string>& class_names) {
  const auto all = class_rows(folds, class_names);
  if (all.empty()) return "";
  std::vector<std::string> head = {"class", "domain"};
  for (const auto& fold : folds) head.push_back("Dice of fold " + std::to_string(fold.fold + 1));
  head.insert(head.end(), {"mean +- sd", "Dice", "Dice 95 %", "IoU", "precision", "sensitivity",
                           "mean Dice of cases", "95 %"});
  std::string text =
      "\nEach class against all else; the likeliest class wins, so no threshold applies. 'Any "
      "infection' takes the classes as one, as the tables above do.\n\n" +
      markdown_row(head) + markdown_row(std::vector<std::string>(head.size(), "---"));
  for (const auto& rows : all) {
    const auto domains = domain_scores(rows.items);
    for (const auto& d : domains) {
      const bool whole = &d == &domains.front();
      std::vector<std::string> cells = {rows.name, d.name};
      for (const auto& value : rows.dice_of_fold) cells.push_back(whole ? cell(value) : "");
      const auto m = over_folds(rows);
      const auto mean = d.means.scores.find("dice");
      cells.insert(cells.end(), {!whole ? ""
                                 : m    ? fixed(m->mean, 4) + " +- " + fixed(m->deviation, 4)
                                        : "n/a",
                                 cell(d.pooled.dice), cell(d.intervals.pooled), cell(d.pooled.iou),
                                 cell(d.pooled.precision), cell(d.pooled.sensitivity),
                                 mean == d.means.scores.end() ? "n/a" : fixed(mean->second.mean, 4),
                                 cell(d.intervals.case_mean)});
      text += markdown_row(cells);
    }
  }
  return text;
}

ordered_json classes_json(const std::vector<FoldScores>& folds,
                          const std::vector<std::string>& class_names) {
  auto out = ordered_json::array();
  int64_t label = 0;
  for (const auto& rows : class_rows(folds, class_names)) {
    const DomainScores whole = domain_scores(rows.items).front();
    auto of_folds = ordered_json::array();
    for (const auto& value : rows.dice_of_fold) {
      of_folds.push_back(value ? ordered_json(*value) : ordered_json(nullptr));
    }
    const auto m = over_folds(rows);
    ordered_json line = {{"class", label == 0 ? ordered_json("any") : ordered_json(label)},
                         {"name", rows.name},
                         {"folds", of_folds},
                         {"mean", m ? ordered_json(m->mean) : ordered_json(nullptr)},
                         {"sd", m ? ordered_json(m->deviation) : ordered_json(nullptr)},
                         {"pooled", score_row_json(whole.pooled)},
                         {"interval95", nullptr},
                         {"patients", whole.intervals.patients}};
    if (const auto& interval = whole.intervals.pooled) {
      line["interval95"] = {interval->low, interval->high};
    }
    out.push_back(line);
    ++label;
  }
  return out;
}

}  // namespace groundglass
