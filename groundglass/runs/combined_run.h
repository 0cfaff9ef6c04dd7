#pragma once

#include <filesystem>
#include <vector>

#include "groundglass/runs/fold_job.h"

namespace groundglass {

/// A run folder whose network is the mean of the networks of other runs (MeanOfMembers): one recipe
/// trained with several seeds, say. The threshold is chosen anew on the validation patients, if the
/// recipe says so, and the test rows are scored. What only training needs, side outputs, is left
/// out. The folder holds what a trained one holds but no state to go on from, and the weights' note
/// "members" the sha256 of each member's.
///
/// runs    folders of finished runs, two at least, with one preparation, split and network (side
///         outputs apart).
/// throws  Error(usage) for fewer than two runs, one that has not ended or is a mean itself, or if
///         they differ; it names the first difference.
FoldScores combine_runs(const std::filesystem::path& out,
                        const std::vector<std::filesystem::path>& runs, const PreparedSet& set,
                        const Engine& engine);

}  // namespace groundglass
