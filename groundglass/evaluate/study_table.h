#pragma once

#include <string>
#include <vector>

#include "groundglass/evaluate/cross_validation.h"

namespace groundglass {

/// One row of a study: a recipe, cross-validated.
struct StudyRow {
  std::string name;
  int64_t parameters = 0;  ///< trainable ones of its network
  std::vector<FoldScores> folds;
  ExpectedTable expected;  ///< what the paper prints for it
};

/// Cells of a table, to be written in any form.
struct TableCells {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;

  std::string markdown() const;
  std::string csv() const;
};

/// A study's rows under each other: mean and deviation over the folds of scores pooled over a
/// fold's test pixels, the interval of Dice over patients, and what the paper prints.
struct StudyTable {
  TableCells scores;   ///< a line for each row
  TableCells domains;  ///< pooled Dice of each row on each domain; no rows if there is one domain
  nlohmann::ordered_json json;
};

StudyTable study_table(const std::vector<StudyRow>& rows);

/// Each test row once, as the first fold that was tested on it scored it (in paper mode the folds
/// share their test rows).
std::vector<ScoredItem> tested_items(const std::vector<FoldScores>& folds);

/// Mean and deviation over the folds of each score, pooled within the fold; a score that is defined
/// in no fold is absent.
std::map<std::string, MeanAndDeviation> fold_means(const std::vector<FoldScores>& folds);

/// Our name of a score that a paper calls otherwise ("F1", "DC", "Recall"), or "" for one that we
/// do not have.
std::string score_of_column(const std::string& paper_column);

}  // namespace groundglass
