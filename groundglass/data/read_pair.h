#pragma once

#include <optional>

#include "groundglass/core/events.h"
#include "groundglass/data/data_options.h"
#include "groundglass/data/dataset.h"
#include "groundglass/io/image.h"
#include "groundglass/preprocess/axial_source.h"

namespace groundglass {

/// Stored mask values -> class numbers. Throws Error(data) naming the values that are not known;
/// with labels 'classes' also for a mask of 0 and 255 alone, which is one of two classes.
torch::Tensor known_labels(const torch::Tensor& stored, const DataOptions& options,
                           const std::string& name);

/// A picture with its mask as class numbers [H,W], undefined if the row has none, and its lungs
/// (all but 0), undefined if the row names none.
struct PicturePair {
  Image image;
  torch::Tensor mask;
  torch::Tensor lungs = {};
};

/// The image's warnings tell of doubts about its masks, too. Throws Error(data): unreadable files,
/// a mask of another size, unknown labels.
PicturePair read_picture_pair(const DataRow& row, const DataOptions& options);

/// A volume and its mask, read one upright axial slice after the other: memory does not grow with
/// the depth where the slices are stored so. The mask's values are looked through when it is
/// opened, since what a value means may depend on the others.
class VolumePair {
 public:
  /// An empty path: no mask, no lungs. Throws Error(data): unreadable files, a mask of another size
  /// or grid, unknown labels.
  VolumePair(AxialSource image, const std::filesystem::path& mask, const DataOptions& options,
             const std::filesystem::path& lungs = {});

  const VolumeInfo& info() const { return image_.info(); }
  int64_t depth() const { return image_.depth(); }

  /// Axial slice k; going up by one is cheap. Throws Error(data) if it is damaged.
  PicturePair slice(int64_t k);

 private:
  AxialSource image_;
  std::optional<AxialSource> mask_, lungs_;
  DataOptions options_;
};

/// Reads every image and mask of a data set and returns what is wrong, a line for each, sorted.
std::vector<std::string> find_problems(const Dataset& dataset, const DataOptions& options,
                                       UnitsAsked units, int64_t threads,
                                       Observer& observer = silent_observer());

}  // namespace groundglass
