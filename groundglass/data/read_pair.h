#pragma once

#include "groundglass/core/events.h"
#include "groundglass/data/data_options.h"
#include "groundglass/data/dataset.h"
#include "groundglass/io/image.h"

namespace groundglass {

/// Stored mask values -> class numbers. Throws Error(data) naming the values that are not known;
/// with labels 'classes' also for a mask of 0 and 255 alone, which is one of two classes.
torch::Tensor known_labels(const torch::Tensor& stored, const DataOptions& options,
                           const std::string& name);

/// A picture with its mask as class numbers [H,W], undefined if the row has none.
struct PicturePair {
  Image image;
  torch::Tensor mask;
};

/// A volume with its mask as class numbers [D,H,W], undefined if the row has none.
struct VolumePair {
  Volume volume;
  torch::Tensor mask;
};

// Both throw Error(data): unreadable files, a mask of another size or grid, unknown labels.
PicturePair read_picture_pair(const DataRow& row, const DataOptions& options);
VolumePair read_volume_pair(const DataRow& row, const DataOptions& options,
                            const std::string& units);

/// Reads every image and mask of a data set and returns what is wrong, a line for each, sorted.
std::vector<std::string> find_problems(const Dataset& dataset, const DataOptions& options,
                                       const std::string& units, int64_t threads,
                                       Observer& observer = silent_observer());

}  // namespace groundglass
