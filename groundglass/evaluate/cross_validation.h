#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "groundglass/evaluate/score_table.h"
#include "groundglass/train/score.h"

namespace groundglass {

/// What one fold's best network did on the fold's test rows.
struct FoldScores {
  int64_t fold = 0;
  int64_t best_epoch = 0;
  double threshold = 0.5;
  double seconds = 0;  ///< of training and scoring
  std::vector<ScoredItem> items;
};

/// The threshold as tables show it: "none" where the likeliest of several classes wins.
std::string threshold_text(const FoldScores& fold);

/// Scores of the test rows, named.
FoldScores name_scores(const Scores& scores, const std::vector<PreparedRow>& rows);

/// test.json in a fold's folder: counts of every row, and of every class, enough to make all tables
/// again.
void write_fold_scores(const std::filesystem::path& path, const FoldScores& scores);
FoldScores read_fold_scores(const std::filesystem::path& path);

/// True if every fold was tested on the same rows (paper mode), which pooled would count several
/// times.
bool share_a_test_set(const std::vector<FoldScores>& folds);

/// What the table's caption must say.
struct TableCaption {
  std::string title, mode, command, commit, machine;
  int64_t threads = 0;
  std::vector<std::string> class_names = {};  ///< of classes 1, 2, ..; empty for their numbers
};

/// What the paper prints: columns, and rows by name ("fold_1" .. "mean").
struct ExpectedTable {
  std::string name;
  std::vector<std::string> columns;
  std::map<std::string, std::vector<double>> rows;
};

/// The cross-validation table in the paper's form, ours beside the paper's, with per-domain rows,
/// per-case means and intervals over patients, and, for networks of several classes, a row for each
/// class, as Markdown, CSV and JSON.
struct CrossValidationTable {
  std::string markdown, csv;
  nlohmann::ordered_json json;
};

/// Bakheet, Youssef et al., Sci Rep 2026, 16:1551, Table 2: soft Dice and IoU, the other scores at
/// the threshold, all pooled over the test pixels; here hard Dice and IoU besides.
CrossValidationTable cross_validation_table(const std::vector<FoldScores>& folds,
                                            const TableCaption& caption,
                                            const ExpectedTable& expected);

}  // namespace groundglass
