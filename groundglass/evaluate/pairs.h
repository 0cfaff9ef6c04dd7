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
  std::filesystem::path image;  ///< a picture that may be turned; empty if it is not known
};

/// Pairs a folder of predictions with a data set (by the relative path of the image) or with a
/// folder of masks (by name; "_mask" at the end of a name does not count, nor "_seg" of a DICOM
/// segmentation, which is taken where no other mask of that name is there). Throws Error(data) that
/// lists every reference without a prediction: none is skipped silently.
std::vector<MaskPair> pair_masks(const std::filesystem::path& predictions,
                                 const std::filesystem::path& references,
                                 const DatasetOptions& options = {});

/// Counts each pair on the reference's grid, on all processors. A DICOM segmentation is laid on the
/// other mask's grid, frame by frame, as class numbers its segments' own numbers. Soft scores where
/// probabilities lie beside the prediction; class by class where the labels are more than two
/// classes. Distances in mm are those of volumes by their own spacing, and of pictures if `shapes`
/// has one; a volume of 1 x 1 x 1 mm is warned of, since files that do not know their voxel size
/// say the same, and so are masks that do not tell how they lie beside a picture stored turned.
///
/// Throws Error(data) listing every unreadable file, every pair of different size or grid and every
/// prediction that holds no class numbers where `data` expects them; Error(usage) for options that
/// mean nothing to these masks.
std::vector<ScoredItem> score_pairs(const std::vector<MaskPair>& pairs, const DataOptions& data,
                                    int64_t threads, Observer& observer = silent_observer(),
                                    const ShapeOptions& shapes = {});

}  // namespace groundglass
