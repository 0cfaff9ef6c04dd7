#include "groundglass/evaluate/study_table.h"

#include <algorithm>
#include <set>

#include "groundglass/core/csv.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

std::string mean_cell(const std::map<std::string, MeanAndDeviation>& means,
                      const std::string& score, bool with_deviation) {
  const auto found = means.find(score);
  if (found == means.end()) return "n/a";
  const auto& m = found->second;
  return fixed(m.mean, 3) + (with_deviation ? " +- " + fixed(m.deviation, 3) : "");
}

/// Scores of ours that some row's paper prints, in our order, Dice always among them.
std::vector<std::string> shown_scores(const std::vector<StudyRow>& rows) {
  std::set<std::string> wanted = {"dice", "sensitivity", "specificity", "precision"};
  for (const auto& row : rows) {
    for (const auto& column : row.expected.columns) wanted.insert(score_of_column(column));
  }
  std::vector<std::string> shown;
  for (const auto& name : score_names()) {
    if (wanted.contains(name)) shown.push_back(name);
  }
  return shown;
}

/// The paper's numbers for a row: those named "printed", or "mean" in tables of folds.
const std::vector<double>* printed_row(const ExpectedTable& expected) {
  for (const char* name : {"printed", "mean"}) {
    const auto found = expected.rows.find(name);
    if (found != expected.rows.end()) return &found->second;
  }
  return nullptr;
}

/// The number that the paper prints for a score of ours; nothing if it prints none.
std::optional<double> printed(const ExpectedTable& expected, const std::string& score) {
  const auto* numbers = printed_row(expected);
  if (numbers == nullptr) return {};
  for (size_t i = 0; i < expected.columns.size(); ++i) {
    if (score_of_column(expected.columns[i]) == score) return (*numbers)[i];
  }
  return {};
}

ordered_json row_json(const StudyRow& row, const std::vector<ScoredItem>& items) {
  ordered_json out = {{"name", row.name}, {"parameters", row.parameters}};
  double seconds = 0;
  for (const auto& fold : row.folds) seconds += fold.seconds;
  out["seconds"] = seconds;
  out["folds"] = ordered_json::array();
  for (const auto& fold : row.folds) {
    out["folds"].push_back({{"fold", fold.fold},
                            {"best_epoch", fold.best_epoch},
                            {"threshold", fold.threshold},
                            {"test_slices", fold.items.size()},
                            {"scores", score_row_json(pooled_scores(fold.items))}});
  }
  for (const auto& [name, m] : fold_means(row.folds)) {
    out["mean"][name] = {{"mean", m.mean}, {"sd", m.deviation}};
  }
  const auto* numbers = printed_row(row.expected);
  for (size_t i = 0; i < row.expected.columns.size() && numbers != nullptr; ++i) {
    out["paper"][row.expected.columns[i]] = (*numbers)[i];
  }
  out["evaluation"] = evaluation_json(items);
  return out;
}

}  // namespace

std::string TableCells::markdown() const {
  const auto line = [](const std::vector<std::string>& cells) {
    return "| " + joined(cells, " | ") + " |\n";
  };
  std::string text = line(head) + line(std::vector<std::string>(head.size(), "---"));
  for (const auto& row : rows) text += line(row);
  return text;
}

std::string TableCells::csv() const {
  std::string text = csv_line(head);
  for (const auto& row : rows) text += csv_line(row);
  return text;
}

std::vector<ScoredItem> tested_items(const std::vector<FoldScores>& folds) {
  std::vector<ScoredItem> all;
  std::set<std::string> seen;
  for (const auto& fold : folds) {
    for (const auto& item : fold.items) {
      if (seen.insert(item.id).second) all.push_back(item);
    }
  }
  return all;
}

std::map<std::string, MeanAndDeviation> fold_means(const std::vector<FoldScores>& folds) {
  std::map<std::string, MeanAndDeviation> means;
  for (const auto& name : score_names()) {
    std::vector<double> values;
    for (const auto& fold : folds) {
      if (const auto value = score(pooled_scores(fold.items), name)) values.push_back(*value);
    }
    if (!values.empty()) means[name] = mean_and_deviation(values);
  }
  return means;
}

std::string score_of_column(const std::string& paper_column) {
  static const std::map<std::string, std::string> names = {{"dice", "dice"},
                                                           {"dc", "dice"},
                                                           {"f1", "dice"},
                                                           {"iou", "iou"},
                                                           {"ji", "iou"},
                                                           {"accuracy", "accuracy"},
                                                           {"recall", "sensitivity"},
                                                           {"precision", "precision"},
                                                           {"sensitivity", "sensitivity"},
                                                           {"specificity", "specificity"}};
  std::string lower = paper_column;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = names.find(lower);
  return found == names.end() ? "" : found->second;
}

StudyTable study_table(const std::vector<StudyRow>& rows) {
  StudyTable out;
  const auto shown = shown_scores(rows);
  out.scores.head = {"row", "parameters", "folds", "test slices", "patients"};
  for (const auto& name : shown) {
    out.scores.head.push_back(name);
    out.scores.head.push_back("paper");
    if (name == "dice") out.scores.head.push_back("95 % (patients)");
  }
  out.json["rows"] = ordered_json::array();
  std::set<std::string> all_domains;
  std::vector<std::map<std::string, std::string>> dice_of;
  for (const auto& row : rows) {
    const auto items = tested_items(row.folds);
    const auto domains = domain_scores(items);
    const auto means = fold_means(row.folds);
    std::vector<std::string> cells = {
        row.name, std::to_string(row.parameters), std::to_string(row.folds.size()),
        std::to_string(items.size()), std::to_string(domains.front().intervals.patients)};
    for (const auto& name : shown) {
      cells.push_back(mean_cell(means, name, name == "dice" && row.folds.size() > 1));
      cells.push_back(cell(printed(row.expected, name), 3));
      if (name == "dice") cells.push_back(cell(domains.front().intervals.pooled));
    }
    out.scores.rows.push_back(std::move(cells));
    dice_of.emplace_back();
    for (size_t i = 1; i < domains.size(); ++i) {
      all_domains.insert(domains[i].name);
      dice_of.back()[domains[i].name] = cell(domains[i].pooled.dice, 3);
    }
    out.json["rows"].push_back(row_json(row, items));
  }
  out.domains.head = {"row"};
  out.domains.head.insert(out.domains.head.end(), all_domains.begin(), all_domains.end());
  for (size_t i = 0; i < rows.size() && !all_domains.empty(); ++i) {
    std::vector<std::string> cells = {rows[i].name};
    for (const auto& domain : all_domains) {
      const auto found = dice_of[i].find(domain);
      cells.push_back(found == dice_of[i].end() ? "n/a" : found->second);
    }
    out.domains.rows.push_back(std::move(cells));
  }
  return out;
}

}  // namespace groundglass
