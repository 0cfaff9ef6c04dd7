#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "groundglass/annotate/store.h"
#include "groundglass/runs/run_folder.h"

namespace groundglass {

/// Where a proposing network comes from.
struct NetworkSource {
  enum class Kind { recipe, run, model };
  Kind kind = Kind::recipe;
  std::string word;  ///< as the user wrote it
  std::string name;  ///< in the round: the recipe's, folder's or file's name
};

/// Cases with the index of the trained network (fold) that proposes for them.
using CasesOfNetwork = std::map<size_t, std::vector<AnnotationCase>>;

/// Networks of a folder of runs: its fold_k, or the folder itself if it is one run.
std::vector<RunFolder> runs_in(const RunFolder& folder);

/// Which run may propose for which case out of fold: the one that was tested on it. Throws
/// Error(data) naming cases that no run was tested on, and a patient on whose other images the
/// testing run was trained; Error(checkpoint) for a split.json that cannot be read.
CasesOfNetwork out_of_fold(const std::vector<RunFolder>& runs,
                           const std::vector<AnnotationCase>& cases, const std::string& name);

/// Throws Error(data) if a run was trained or validated on one of the cases. A weights file does
/// not tell: false then.
bool check_unseen(const RunFolder& model, const std::vector<AnnotationCase>& cases);

}  // namespace groundglass
