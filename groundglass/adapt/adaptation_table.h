#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "groundglass/adapt/pseudo_set.h"
#include "groundglass/evaluate/study_table.h"

namespace groundglass {

/// One source network on one target, before and after it was adapted.
struct TransferRun {
  int64_t seed = 0;
  double cutoff = 0.5;
  std::vector<ScoredItem> before, after;  ///< after is empty where nothing is adapted
  std::set<std::string> labelled;         ///< ids that were pseudo-labelled
  std::vector<SelectionReport> rounds;
  std::string note;  ///< e.g. that no slice was chosen
};

/// A cell of the table of domains: trained on one, tested on one, once for each seed.
struct Transfer {
  std::string train, test;
  std::vector<TransferRun> runs;
  std::vector<double> expected;  ///< the paper's, by the columns below; may be empty
};

/// What the paper prints of a cell: Dice, specificity and sensitivity before, each with its
/// deviation, then the same after (-1 where it prints none).
extern const std::vector<std::string> kTransferColumns;

/// A choice of options, on some transfers.
struct AblationRow {
  std::string name, options;
  std::vector<Transfer> transfers;
};

/// Pooled scores of each run, averaged; the interval is over patients, all runs drawing the same.
struct RunMeans {
  MeanAndDeviation dice, specificity, sensitivity;
  std::optional<Interval> interval;  ///< of mean Dice
  int64_t runs = 0, slices = 0, patients = 0;
};
RunMeans run_means(const std::vector<std::vector<ScoredItem>>& runs);

/// Mean over the runs of Dice after less Dice before, and its interval over the same patients.
struct Gain {
  double mean = 0;
  std::optional<Interval> interval;
};
Gain dice_gain(const std::vector<std::vector<ScoredItem>>& before,
               const std::vector<std::vector<ScoredItem>>& after);

/// Which of a domain's patients choose between options; the others report what the choice is worth.
using ChoosesOptions = std::function<bool(const ScoredItem&)>;

/// The tables of the study.
struct AdaptationTables {
  TableCells dice;       ///< before, after and the paper's, with intervals
  TableCells others;     ///< specificity and sensitivity
  TableCells rest;       ///< strict mode: slices without a pseudo-label; no rows in paper mode
  TableCells certainty;  ///< what was chosen, and the histogram of certainty
  TableCells ablation;   ///< a row for each choice of options; no rows if there is none
  TableCells runs;       ///< every run by itself, for the CSV
  nlohmann::ordered_json json;
  std::string best;  ///< ablation row with the highest mean Dice on the choosing patients
};

/// All tables of paper 003's protocol.
///
/// mode  'strict' adds the rest.
AdaptationTables adaptation_tables(const std::vector<Transfer>& transfers,
                                   const std::vector<AblationRow>& ablation, Protocol protocol,
                                   const ChoosesOptions& chooses);

}  // namespace groundglass
