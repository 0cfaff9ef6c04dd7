#include "groundglass/evaluate/cross_validation.h"

#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/class_section.h"
#include "groundglass/evaluate/class_table.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
using nlohmann::json;
using nlohmann::ordered_json;
namespace {

std::string with_deviation(const MeanAndDeviation& m) {
  return fixed(m.mean, 4) + " +- " + fixed(m.deviation, 4);
}

/// Scores of each fold, and mean and deviation over the folds.
struct FoldRows {
  std::vector<ScoreRow> folds;
  std::map<std::string, MeanAndDeviation> summary;
};

FoldRows fold_rows(const std::vector<FoldScores>& folds) {
  FoldRows out;
  for (const auto& fold : folds) out.folds.push_back(pooled_scores(fold.items));
  for (const auto& name : score_names()) {
    std::vector<double> values;
    for (const auto& row : out.folds) {
      if (const auto value = score(row, name)) values.push_back(*value);
    }
    if (!values.empty()) out.summary[name] = mean_and_deviation(values);
  }
  return out;
}

std::string fold_section(const std::vector<FoldScores>& folds, const FoldRows& rows,
                         const ExpectedTable& expected) {
  std::vector<std::string> head = {"Fold", "test slices", "best epoch", "threshold"};
  head.insert(head.end(), score_names().begin(), score_names().end());
  std::string text = markdown_head(head);
  for (size_t i = 0; i < folds.size(); ++i) {
    std::vector<std::string> cells = {
        std::to_string(folds[i].fold + 1), std::to_string(folds[i].items.size()),
        std::to_string(folds[i].best_epoch), threshold_text(folds[i])};
    for (const auto& name : score_names()) cells.push_back(cell(score(rows.folds[i], name)));
    text += markdown_row(cells);
  }
  std::vector<std::string> mean = {"mean +- sd", "", "", ""};
  for (const auto& name : score_names()) {
    const auto found = rows.summary.find(name);
    mean.push_back(found == rows.summary.end() ? "n/a" : with_deviation(found->second));
  }
  text += markdown_row(mean);
  if (expected.rows.empty()) return text;

  text += "\nThe paper's " + expected.name + ", for comparison (other data):\n\n";
  head = {"row"};
  head.insert(head.end(), expected.columns.begin(), expected.columns.end());
  text += markdown_head(head);
  for (const auto& [name, numbers] : expected.rows) {
    std::vector<std::string> cells = {name};
    for (const double number : numbers) cells.push_back(fixed(number, 4));
    text += markdown_row(cells);
  }
  return text;
}

std::string domain_section(const std::vector<DomainScores>& domains) {
  std::string text = markdown_head({"domain", "slices", "cases", "patients", "soft Dice", "Dice",
                                    "Dice 95 %", "IoU", "precision", "sensitivity",
                                    "mean Dice of cases", "95 %", "cases without a score"});
  for (const auto& d : domains) {
    const auto mean = d.means.scores.find("dice");
    const auto empty = d.means.status.find("both_empty");
    text += markdown_row(
        {d.name, std::to_string(d.items), std::to_string(d.means.cases),
         std::to_string(d.intervals.patients), cell(d.pooled.soft_dice), cell(d.pooled.dice),
         cell(d.intervals.pooled), cell(d.pooled.iou), cell(d.pooled.precision),
         cell(d.pooled.sensitivity),
         mean == d.means.scores.end() ? "n/a" : with_deviation(mean->second),
         cell(d.intervals.case_mean),
         std::to_string(empty == d.means.status.end() ? 0 : empty->second) + " both empty"});
  }
  return text;
}

/// For each class the counts of all items, in their order.
json class_counts(const std::vector<ScoredItem>& items) {
  json classes = json::array();
  for (int64_t label = 1; label <= counted_classes(items); ++label) {
    json rows = json::array();
    for (const auto& i : items_of_class(items, label)) {
      rows.push_back({i.counts.tp, i.counts.fp, i.counts.fn, i.counts.tn});
    }
    classes.push_back(rows);
  }
  return classes;
}

}  // namespace

bool share_a_test_set(const std::vector<FoldScores>& folds) {
  return folds.size() > 1 && !folds[0].items.empty() && !folds[1].items.empty() &&
         folds[0].items.front().id == folds[1].items.front().id &&
         folds[0].items.size() == folds[1].items.size();
}

std::string threshold_text(const FoldScores& fold) {
  return counted_classes(fold.items) == 0 ? fixed(fold.threshold, 2) : "none";
}

FoldScores name_scores(const Scores& scores, const std::vector<PreparedRow>& rows) {
  FoldScores out;
  for (const auto& s : scores.rows) {
    const auto& row = rows[static_cast<size_t>(s.row)];
    out.items.push_back({row.id, row.case_id, row.patient, row.domain, s.counts, s.soft, true});
    out.items.back().classes = s.classes;
  }
  return out;
}

void write_fold_scores(const std::filesystem::path& path, const FoldScores& scores) {
  json items = json::array();
  for (const auto& i : scores.items) {
    items.push_back({i.id, i.case_id, i.patient, i.domain, i.counts.tp, i.counts.fp, i.counts.fn,
                     i.counts.tn, i.soft.overlap, i.soft.probability, i.soft.truth});
  }
  const json document = {{"fold", scores.fold},
                         {"best_epoch", scores.best_epoch},
                         {"threshold", scores.threshold},
                         {"seconds", scores.seconds},
                         {"columns",
                          {"id", "case", "patient", "domain", "tp", "fp", "fn", "tn", "overlap",
                           "probability", "truth"}},
                         {"items", items},
                         {"class_columns", {"tp", "fp", "fn", "tn"}},
                         {"classes", class_counts(scores.items)}};
  write_file(path, document.dump(1) + "\n");
}

FoldScores read_fold_scores(const std::filesystem::path& path) {
  try {
    const json d = json::parse(read_file(path));
    FoldScores out{d.at("fold"), d.at("best_epoch"), d.at("threshold"), d.at("seconds"), {}};
    for (const auto& i : d.at("items")) {
      out.items.push_back({i.at(0),
                           i.at(1),
                           i.at(2),
                           i.at(3),
                           {i.at(4), i.at(5), i.at(6), i.at(7)},
                           {i.at(8), i.at(9), i.at(10)},
                           true});
    }
    for (const auto& of_class : d.value("classes", json::array())) {
      for (size_t i = 0; i < out.items.size(); ++i) {
        const auto& n = of_class.at(i);
        out.items[i].classes.push_back({n.at(0), n.at(1), n.at(2), n.at(3)});
      }
    }
    return out;
  } catch (const json::exception& e) {
    fail(ErrorKind::checkpoint, path.string() + ": is damaged (" + e.what() + ")");
  }
}

CrossValidationTable cross_validation_table(const std::vector<FoldScores>& folds,
                                            const TableCaption& caption,
                                            const ExpectedTable& expected) {
  const FoldRows rows = fold_rows(folds);
  const bool shared = share_a_test_set(folds);
  std::vector<ScoredItem> all;
  double seconds = 0;
  for (const auto& fold : folds) {
    seconds += fold.seconds;
    if (!shared || fold.fold == folds.front().fold) {
      all.insert(all.end(), fold.items.begin(), fold.items.end());
    }
  }
  const auto domains = domain_scores(all);

  CrossValidationTable out;
  out.markdown =
      "# " + caption.title + "\n\nSplit mode `" + caption.mode + "`, " +
      std::to_string(folds.size()) + " folds, " +
      std::to_string(domains.front().intervals.patients) + " test patients. Command `" +
      caption.command + "`, commit " + caption.commit + ", " + caption.machine + ", " +
      std::to_string(caption.threads) + " threads, " + human_seconds(seconds) +
      ".\nSoft scores are of unthresholded probabilities; all scores are pooled over the "
      "pixels of the test slices on the network's grid.\n\n" +
      fold_section(folds, rows, expected) + "\n" +
      (shared ? "Every fold is tested on the same slices; the rows below are the first "
                "fold's.\n\n"
              : "All folds together, each slice tested once by a network that never saw "
                "its patient; intervals are bootstrapped over patients.\n\n") +
      domain_section(domains) + class_section(folds, caption.class_names);

  std::vector<std::string> head = {"fold", "test_slices", "best_epoch", "threshold"};
  head.insert(head.end(), score_names().begin(), score_names().end());
  const int64_t classes = counted_classes(folds.front().items);
  for (int64_t label = 1; label <= classes; ++label) {
    head.push_back("dice_class_" + std::to_string(label));
  }
  out.csv = csv_line(head);
  out.json = {{"title", caption.title},     {"mode", caption.mode},
              {"command", caption.command}, {"commit", caption.commit},
              {"machine", caption.machine}, {"threads", caption.threads},
              {"seconds", seconds}};
  out.json["folds"] = ordered_json::array();
  for (size_t i = 0; i < folds.size(); ++i) {
    std::vector<std::string> cells = {
        std::to_string(folds[i].fold + 1), std::to_string(folds[i].items.size()),
        std::to_string(folds[i].best_epoch), classes == 0 ? shortest(folds[i].threshold) : ""};
    for (const auto& name : score_names()) {
      const auto value = score(rows.folds[i], name);
      cells.push_back(value ? shortest(*value) : "");
    }
    for (int64_t label = 1; label <= classes; ++label) {
      const auto value = pooled_scores(items_of_class(folds[i].items, label)).dice;
      cells.push_back(value ? shortest(*value) : "");
    }
    out.csv += csv_line(cells);
    out.json["folds"].push_back(
        {{"fold", folds[i].fold},
         {"best_epoch", folds[i].best_epoch},
         {"threshold", classes == 0 ? ordered_json(folds[i].threshold) : ordered_json(nullptr)},
         {"scores", score_row_json(rows.folds[i])}});
  }
  for (const auto& [name, m] : rows.summary) {
    out.json["mean"][name] = {{"mean", m.mean}, {"sd", m.deviation}};
  }
  out.json["expected"] = expected.rows;
  out.json["expected_columns"] = expected.columns;
  out.json["evaluation"] = evaluation_json(all);
  out.json["classes"] = classes_json(folds, caption.class_names);
  return out;
}

}  // namespace groundglass
