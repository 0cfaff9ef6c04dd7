#pragma once

#include <string>
#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/data/sample.h"

namespace groundglass {

/// What stays together when rows are shared out; SplitOptions says it of each.
enum class SplitMode { paper, strict, stratified, slices, shares };
inline Words<SplitMode> words_of(SplitMode) {
  return {{"paper", SplitMode::paper},
          {"strict", SplitMode::strict},
          {"stratified", SplitMode::stratified},
          {"slices", SplitMode::slices},
          {"shares", SplitMode::shares}};
}

/// Which rows take part.
enum class SplitRows { all, with_lesion, not_dark };
inline Words<SplitRows> words_of(SplitRows) {
  return {{"all", SplitRows::all},
          {"with_lesion", SplitRows::with_lesion},
          {"not_dark", SplitRows::not_dark}};
}

/// How rows are shared out between training, validation and test.
struct SplitOptions {
  SplitMode mode = SplitMode::strict;
  int64_t folds = 5;
  double test_fraction = 0.2;
  double validation_fraction = 0.2;
  double train_share = 1;
  int64_t seed = 20260101;
  std::vector<std::string> train_domains;
  std::vector<std::string> balance_labels;
  SplitRows rows = SplitRows::all;
  bool equal_domains = false;

  template <class V>
  void fields(V& v) {
    v.choice(
        {"mode",
         "'paper' (slices at random, one test set for all folds, copies made before the folds), "
         "'strict' (patients apart, each fold its own test patients), 'stratified' (images "
         "apart, equal shares of each label, no validation), 'slices' (slices apart at random, no "
         "validation) or 'shares' (patients apart, each fold drawn anew, train_domains alone)"},
        mode, words_of(mode));
    v.field({"folds", "number of folds", 2, 100}, folds);
    v.field({"test_fraction",
             "paper mode: share of the slices kept for the test; shares: of the patients", 0, 0.9},
            test_fraction);
    v.field({"validation_fraction",
             "share that chooses the best epoch; strict mode: of a fold's other patients, shares: "
             "of all patients",
             0.01, 0.9},
            validation_fraction);
    v.field({"train_share",
             "strict mode: share of each domain's training patients that are trained on, one at "
             "least (a smaller share is part of a larger); validation and test stay as they are",
             0, 1},
            train_share);
    v.field({"seed", "of the sharing out"}, seed);
    v.field({"train_domains",
             "strict mode: domains to train and validate on; all rows of the others are the test; "
             "shares: the only domains used"},
            train_domains);
    v.field({"balance_labels",
             "stored augmentations are made of training rows with these labels alone, until they "
             "are as many as the others"},
            balance_labels);
    v.choice({"rows",
              "'all', 'with_lesion' (whose mask is not empty) or 'not_dark' (in whose picture more "
              "than a hundredth of the pixels are brighter than a tenth of white); the others stay "
              "unused"},
             rows, words_of(rows));
    v.field({"equal_domains",
             "paper and slices mode: as many rows of each domain, drawn at random, in every part"},
            equal_domains);
  }

  /// Throws Error(recipe) for a train_share in another mode than strict, or equal_domains in
  /// another than paper and slices.
  void check() const;

  /// Whether the test images of a fold stand in for its validation, so that nothing may be chosen.
  bool lacks_validation() const {
    return mode == SplitMode::stratified || mode == SplitMode::slices;
  }
};

/// One fold. In strict mode no patient stands in two of the lists.
struct Split {
  std::vector<Entry> train, validation, test;
};

/// All folds of a data set.
///
/// Paper mode (Bakheet, Youssef et al., Sci Rep 2026, 16:1551): a random fifth of the slices is the
/// test set of every fold; each remaining slice and its `copies` augmented copies are shuffled into
/// folds, so that copies of validation slices are trained on. 2,729 rows give 2,183 and 546, and
/// 4,366 entries with one copy. Its flaws are wanted here: that is what was published.
///
/// Strict mode: patients are dealt to the folds, each domain by itself and large patients first, so
/// that folds are alike in slices; fold k is tested on its own patients; of the others some are
/// validation. Copies follow their slice into training only.
///
/// With equal_domains as many rows of each domain take part as the smallest has, drawn at random,
/// and each domain is shared out by itself, so that every part has as many of each.
///
/// Stratified and slices modes: see stratified_split.h. With balance_labels, which stands for
/// `copies` then, the rows of one class alone are copied.
///
/// Shares mode: see shares_split.h.
///
/// copies  augmented copies of each slice (0 for none).
/// throws  Error(data) if there are fewer patients than folds, or a training domain is unknown or
///         leaves no test.
std::vector<Split> make_splits(const std::vector<PreparedRow>& rows, const SplitOptions& options,
                               int64_t copies);

/// The same of the chosen rows alone. Entries keep the numbers that their rows have among all.
std::vector<Split> make_splits(const std::vector<PreparedRow>& rows,
                               const std::vector<int64_t>& chosen, const SplitOptions& options,
                               int64_t copies);

/// Rows of the set that `options.rows` lets take part. Throws Error(data) if there is none.
std::vector<int64_t> chosen_rows(const PreparedSet& set, const SplitOptions& options);

/// Ids of the lists as JSON, in the file that lies in each run folder.
std::string split_json(const Split& split, const std::vector<PreparedRow>& rows);

/// Reads such a file against the rows of a set. Throws Error(checkpoint) naming an id that the set
/// does not hold.
Split parse_split_json(const std::string& text, const std::vector<PreparedRow>& rows);

/// Two rows that look alike and stand on different sides of a split.
struct NearDuplicate {
  int64_t train_row = 0, other_row = 0;
  int64_t distance = 0;  ///< differing bits of 256
  bool same_patient = false;
};

/// Pairs of a training row with a validation or test row whose perceptual hashes differ in at most
/// `max_distance` bits.
std::vector<NearDuplicate> near_duplicates(const PreparedSet& set, const Split& split,
                                           int64_t max_distance);

}  // namespace groundglass
