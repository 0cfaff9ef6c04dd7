#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// One slice on the network's grid, before normalisation.
struct Sample {
  torch::Tensor image;  ///< [C,H,W] uint8
  torch::Tensor mask;   ///< [H,W] uint8 class numbers
};

/// What one training step sees.
struct Batch {
  torch::Tensor image;        ///< [N,C,H,W] float32, normalised
  torch::Tensor target;       ///< [N,H,W] uint8 class numbers
  std::vector<int64_t> rows;  ///< rows of the prepared set
};

/// A row of a prepared set as it takes part in a split: copy 0 is the slice itself, copy k > 0 its
/// k-th stored augmentation (offline doubling).
struct Entry {
  int64_t row = 0;
  int64_t copy = 0;
  int64_t draw = 0;  ///< how often the entry came earlier in the epoch; varies online augmentation

  bool operator==(const Entry&) const = default;
};

}  // namespace groundglass
