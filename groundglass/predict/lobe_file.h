#pragma once

#include <array>
#include <filesystem>
#include <memory>

#include <torch/types.h>

#include "groundglass/preprocess/axial_source.h"

namespace groundglass {

/// A label map of lobes that another program made for a volume: lungmask's (model LTRCLobes: 1 left
/// upper, 2 left lower, 3 right upper, 4 right middle, 5 right lower, as `predict --save-lobes`
/// writes them, too), or TotalSegmentator's (version 2: 10 left upper, 11 left lower, 12 right
/// upper, 13 right middle, 14 right lower, among other organs).
class LobeFile {
 public:
  /// Reads the file once and finds out whose labels it holds. Its voxels may be stored in another
  /// order than the volume's.
  ///
  /// Throws Error(data) for a file that cannot be read, is of another size than the volume or lies
  /// elsewhere in the patient, holds labels of neither kind, or whose lobes do not lie as those of
  /// a patient do (upper ones above lower ones, right ones to the right).
  LobeFile(const std::filesystem::path& path, const AxialSource& volume);

  /// Slice k as the volume's upright slices are, [H,W] uint8: numbers of Lobe.
  torch::Tensor read(int64_t k);

 private:
  void find_labels(const std::filesystem::path& path);

  std::unique_ptr<AxialSource> source_;
  bool reversed_ = false;  // slices run the other way than the volume's
  torch::Tensor lobe_of_;  // [256] uint8: Lobe of each label
};

}  // namespace groundglass
