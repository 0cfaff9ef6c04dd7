#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/data/data_options.h"
#include "groundglass/data/dataset.h"
#include "groundglass/evaluate/score_table.h"

namespace groundglass {

/// A predicted mask and the mask it is held against.
struct MaskPair {
  std::filesystem::path prediction, reference;
  std::filesystem::path probability;  ///< what --save-probabilities wrote; empty if it is not there
  std::string id, case_id, patient, domain;
};

/// Pairs a folder of predictions with a data set (by the relative path of the image) or with a
/// folder of masks (by name; "_mask" at the end of a name does not count). Throws Error(data) that
/// lists every reference without a prediction: none is skipped silently.
std::vector<MaskPair> pair_masks(const std::filesystem::path& predictions,
                                 const std::filesystem::path& references,
                                 const DatasetOptions& options = {});

/// Counts each pair on the reference's grid, on all processors. Soft scores where probabilities lie
/// beside the prediction.
/// Throws Error(data) listing every unreadable file and every pair of different size or grid.
std::vector<ScoredItem> score_pairs(const std::vector<MaskPair>& pairs, const DataOptions& data,
                                    int64_t threads, Observer& observer = silent_observer());

}  // namespace groundglass
