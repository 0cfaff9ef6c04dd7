#pragma once

#include <vector>

#include "groundglass/train/score.h"

namespace groundglass {

/// What a network says of one image as a whole.
struct ImageOutcome {
  int64_t row = 0;
  double highest = 0;  ///< largest foreground probability of any pixel
  Counts pixels;       ///< at the threshold
};

struct ImageOutcomes {
  static constexpr int64_t kBins = 1000;
  std::vector<ImageOutcome> images;
  /// Infected and other pixels by probability, in equal bins of [0,1], over all images: the ROC
  /// curve of the pixels to three digits.
  std::vector<int64_t> truth = std::vector<int64_t>(kBins, 0);
  std::vector<int64_t> rest = std::vector<int64_t>(kBins, 0);
  double network_s = 0;  ///< spent in the network alone
};

/// Runs the network over entries in evaluation mode and looks at each image as a whole.
/// Throws Stopped if a stop signal came.
ImageOutcomes score_images(SegmentationModel& model, const PreparedSet& set,
                           const std::vector<Entry>& entries, const ScoreOptions& options);

}  // namespace groundglass
