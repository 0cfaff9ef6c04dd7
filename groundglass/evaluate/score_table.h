#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/evaluate/mask_shapes.h"
#include "groundglass/metrics/bootstrap.h"
#include "groundglass/metrics/counts.h"

namespace groundglass {

/// The scores of one slice or one volume, with what groups it.
struct ScoredItem {
  std::string id, case_id, patient, domain;
  Counts counts;
  SoftCounts soft;
  bool has_soft = false;                  ///< label maps alone have no soft scores
  std::optional<MaskShapes> shapes = {};  ///< lesions and distances, where masks were at hand
  std::vector<Counts> classes = {};       ///< of class 1, 2, ...; empty if they were not told apart
};

/// All scores of one set of pixels; undefined ones are empty.
struct ScoreRow {
  std::optional<double> soft_dice, soft_iou, dice, iou, accuracy, precision, sensitivity,
      specificity;
};

/// Names of the scores, in the order of the paper's table, and the numbers of a row by name.
const std::vector<std::string>& score_names();
std::optional<double> score(const ScoreRow& row, const std::string& name);

/// Scores of the sum of all pixels.
ScoreRow pooled_scores(const std::vector<ScoredItem>& items);

/// Items of one study added up: a case is a study, not a slice. Sorted by domain and name.
std::vector<ScoredItem> by_case(const std::vector<ScoredItem>& items);

/// Mean of the cases' own scores. A case counts where its score is defined; `defined` says how
/// often.
struct CaseMeans {
  std::map<std::string, MeanAndDeviation> scores;
  std::map<std::string, int64_t> defined;
  std::map<std::string, int64_t> status;  ///< cases that are ok, both_empty, ...
  int64_t cases = 0;
};
CaseMeans case_means(const std::vector<ScoredItem>& cases);

/// Intervals of pooled Dice and of the mean of the cases' Dice, bootstrapped over patients.
struct DiceIntervals {
  std::optional<Interval> pooled, case_mean;
  int64_t patients = 0;
};
DiceIntervals dice_intervals(const std::vector<ScoredItem>& items,
                             const BootstrapOptions& options = {});

/// One domain, or everything.
struct DomainScores {
  std::string name;
  int64_t items = 0;
  ScoreRow pooled;
  CaseMeans means;
  DiceIntervals intervals;
};

/// "all" first, then each domain by name (none if there is only one).
std::vector<DomainScores> domain_scores(const std::vector<ScoredItem>& items,
                                        const BootstrapOptions& options = {});

/// {"cases":[..],"pooled":{..},"mean":{..},"domains":{..}} as `evaluate --json` promises; undefined
/// numbers are null.
nlohmann::ordered_json evaluation_json(const std::vector<ScoredItem>& items,
                                       const BootstrapOptions& options = {});
nlohmann::ordered_json score_row_json(const ScoreRow& row);

}  // namespace groundglass
