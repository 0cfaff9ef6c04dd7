#include "groundglass/runs/classifier_table.h"

#include <map>

#include "groundglass/core/csv.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/evaluate/study_table.h"
#include "groundglass/metrics/bootstrap.h"
#include "groundglass/metrics/proportion_interval.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// Test images of all folds together.
struct Pooled {
  Counts counts;
  std::vector<std::optional<double>> scores;
  std::vector<std::optional<Interval>> patients, wilson;
};

Pooled pooled(const std::vector<ClassifierFold>& folds) {
  std::map<std::pair<std::string, std::string>, Counts> patients;
  double areas = 0;
  int64_t defined = 0;
  Pooled out;
  for (const auto& fold : folds) {
    std::vector<ImageScore> scores;
    for (const auto& item : fold.items) {
      scores.push_back(item.score);
      const Counts one = count_images({item.score}, fold.cutoff);
      patients[{item.domain, item.patient}] += one;
      out.counts += one;
    }
    const auto area = auc(scores);
    areas += area.value_or(0);
    defined += area.has_value();
  }
  std::optional<double> area;
  if (defined > 0) area.emplace(areas / static_cast<double>(defined));
  out.scores = seven_scores(out.counts, area);
  std::vector<Counts> groups;
  for (const auto& [key, counts] : patients) groups.push_back(counts);
  for (size_t i = 0; i < out.scores.size(); ++i) {
    out.patients.push_back(bootstrap_interval(static_cast<int64_t>(groups.size()),
                                              [&](const std::vector<int64_t>& drawn) {
                                                Counts c;
                                                for (const int64_t p : drawn)
                                                  c += groups[static_cast<size_t>(p)];
                                                return seven_scores(c, std::nullopt)[i];
                                              }));
  }
  const auto s = share_intervals(out.counts);
  out.wilson = {s.sensitivity, s.specificity, s.precision, {}, {}, s.accuracy, {}};
  return out;
}

std::string range(const std::optional<Interval>& r) {
  return r ? fixed(r->low, 4) + " to " + fixed(r->high, 4) : "n/a";
}

TableCells table_of(const Pooled& all) {
  TableCells cells{{"score", "value", "Wilson 95 %, images", "95 %, patients"}, {}};
  for (size_t i = 0; i < all.scores.size(); ++i) {
    cells.rows.push_back({detection_score_names()[i],
                          all.scores[i] ? fixed(*all.scores[i], 4) : "n/a", range(all.wilson[i]),
                          range(all.patients[i])});
  }
  const auto& c = all.counts;
  for (const auto& [name, n] : {std::pair{"TN", c.tn}, {"FP", c.fp}, {"FN", c.fn}, {"TP", c.tp}}) {
    cells.rows.push_back({name, std::to_string(n), "", ""});
  }
  return cells;
}

ordered_json json_of(const Pooled& all, const std::vector<ClassifierFold>& folds) {
  ordered_json out = {{"warning", kSourceWarning}};
  out["confusion"] = {
      {"tn", all.counts.tn}, {"fp", all.counts.fp}, {"fn", all.counts.fn}, {"tp", all.counts.tp}};
  for (size_t i = 0; i < all.scores.size(); ++i) {
    ordered_json score = {{"value", nullptr}, {"interval95_patients", nullptr}};
    if (all.scores[i]) score["value"] = *all.scores[i];
    if (all.patients[i]) {
      score["interval95_patients"] = {all.patients[i]->low, all.patients[i]->high};
    }
    out["scores"][detection_score_names()[i]] = score;
  }
  out["folds"] = ordered_json::array();
  for (const auto& fold : folds) {
    out["folds"].push_back({{"fold", fold.fold},
                            {"best_epoch", fold.best_epoch},
                            {"seconds", fold.seconds},
                            {"cutoff", fold.cutoff},
                            {"images", fold.items.size()}});
  }
  return out;
}

}  // namespace

ClassifierTable classifier_table(const std::vector<ClassifierFold>& folds,
                                 const ClassifierRecipe& recipe, const std::string& recipe_name) {
  const Pooled all = pooled(folds);
  const TableCells cells = table_of(all);
  double seconds = 0;
  for (const auto& fold : folds) seconds += fold.seconds;
  ClassifierTable table;
  table.json = json_of(all, folds);
  table.json["recipe"] = recipe_name;
  table.json["mode"] = word_of(recipe.split.mode);
  table.json["commit"] = commit();
  table.markdown = "# " + recipe.paper.title + "\n\nSplit mode " + word_of(recipe.split.mode) +
                   ", " + std::to_string(folds.size()) + " folds, commit " + commit() + ", " +
                   human_seconds(seconds) + ".\n\n" + cells.markdown() +
                   "\nWarning: " + kSourceWarning + ".\n";
  table.csv = cells.csv();
  return table;
}

}  // namespace groundglass
