#pragma once

#include <filesystem>

#include "groundglass/adapt/certainty.h"
#include "groundglass/adapt/views.h"
#include "groundglass/core/error.h"
#include "groundglass/data/split.h"

namespace groundglass {

/// No slice of the target is sure enough to be pseudo-labelled; an Error(data) of its own, so that
/// a study can report it in its table.
class NothingChosen final : public Error {
 public:
  explicit NothingChosen(const std::string& message) : Error(ErrorKind::data, message) {}
};

/// What is pseudo-labelled, and with what it is trained together.
struct PseudoSetJob {
  ModelPtr model;  ///< that labels
  double cutoff = 0.5;
  AdaptOptions options;
  AnswerOptions viewing;  ///< without augmentation
  const PreparedSet* target = nullptr;
  std::vector<int64_t> target_rows;
  const PreparedSet* source = nullptr;  ///< may be missing if nothing is asked of it
  Split source_split;                   ///< its training and validation rows
  std::filesystem::path folder;
  std::string fingerprint;  ///< of all that decides the outcome; a folder holds one
};

/// How many rows of each kind lie in a pseudo-labelled set, in this order.
struct PseudoSetParts {
  int64_t source = 0;      ///< training rows of the source, with their own masks
  int64_t validation = 0;  ///< of the source
  int64_t chosen = 0;      ///< target slices with a pseudo-label
  int64_t unlabelled = 0;  ///< target slices all of whose pixels are ignored
};

/// selection.json: what was chosen and why.
struct SelectionReport {
  int64_t slices = 0, too_small = 0, below_limit = 0, asked = 0, chosen = 0;
  double cutoff = 0.5, limit = 0;
  std::vector<int64_t> histogram;       ///< 20 bins of [0,1]
  std::vector<std::string> chosen_ids;  ///< most certain first
  PseudoSetParts parts;
  std::string fingerprint;
};

/// Labels the target and writes into the folder
///   pseudo_labels.csv  each slice's marked pixels, certainty, agreement and fate
///   selection.json     the SelectionReport
///   pseudo.ggset       source rows as asked, then the chosen slices with their pseudo-labels (id
///                      and "~pseudo"), then, with an entropy weight, the others without any (id
///                      and "~unlabelled")
/// What is there already is read back, so a killed call may be repeated.
///
/// Throws NothingChosen if no slice is chosen, before anything is written; Error(usage) if the
/// folder holds another selection.
SelectionReport make_pseudo_set(const PseudoSetJob& job, Observer& observer = silent_observer());

/// The rows of a pseudo-labelled set as a split: source and chosen rows train, the unlabelled ones
/// besides, validation rows validate; without these, every fifth chosen slice does. Nothing tests.
Split pseudo_split(const PseudoSetParts& parts);

/// Reads selection.json. Throws Error(checkpoint) if it is damaged.
SelectionReport read_selection(const std::filesystem::path& path);

}  // namespace groundglass
