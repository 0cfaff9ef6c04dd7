#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/annotate/store.h"
#include "groundglass/data/dataset.h"

namespace groundglass {

/// Whether a manual mask that nobody has looked at in a panel counts as a case's mask.
enum class Unreviewed { leave_out, keep_manual };

/// The mask that a case ended up with, and where it comes from.
struct FinalMask {
  int64_t case_id = 0;
  int64_t round = 0;                    ///< 0: a manual mask that was never shown
  std::string source;                   ///< "manual", a network's name, or "drawn by NAME"
  std::filesystem::path file;           ///< absolute or relative to the working folder
  std::string weights_sha256;           ///< of the network, else empty
  int64_t votes = 0, voters = 0;        ///< annotators for this source, and of the case
  std::vector<std::string> annotators;  ///< who voted for it
};

/// What became of each case.
struct FinalMasks {
  std::vector<FinalMask> masks;  ///< in the order of the cases
  std::vector<int64_t>
      rejected;                  ///< cases whose candidates were rejected and that nobody has drawn
  std::vector<int64_t> waiting;  ///< cases without any choice
};

/// The masks that were chosen. The newest round in which a case has choices decides; in it the
/// source with most annotators behind it, the earliest choice where votes are equal. Each drawing
/// is a source of its own. `annotator` takes that one's choices alone; empty takes all.
///
/// Throws Error(usage) if that annotator has chosen nothing.
FinalMasks final_masks(AnnotationStore& store, const std::string& annotator = "",
                       Unreviewed unreviewed = Unreviewed::leave_out);

/// The cases with a mask that counts now (chosen, drawn, or by hand where nobody has chosen) as a
/// data set to train on; without rows if there is none.
Dataset masked_cases(AnnotationStore& store);

/// The cases that a stage is about: those with manual masks (1), or those without any settled mask
/// (2). Throws Error(data) if there are none.
std::vector<AnnotationCase> cases_of_stage(AnnotationStore& store, int64_t stage);

}  // namespace groundglass
