#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Generator.h>
#include <torch/types.h>

#include "groundglass/distributed/team.h"

namespace groundglass {

/// Over which images batch norm takes its statistics while several ranks train.
enum class BatchStatistics {
  global,  ///< those of all ranks
  local,   ///< those of each rank; rank 0's moving statistics are kept
};

/// One rank's part of the batch of a training step. Rank r of W holds the places r, r + W, r + 2W,
/// ... of the global batch. While an object lives, layers and losses of its thread compute what
/// they would of the whole batch: sums over images run over all ranks. Without one they compute as
/// they always did, to the bit.
class GlobalBatch {
 public:
  /// images     in the batch, over all ranks
  /// draws_key  seeds what dropout draws: equal on all ranks
  GlobalBatch(Team& ranks, int64_t images, BatchStatistics statistics, uint64_t draws_key);
  ~GlobalBatch();
  GlobalBatch(const GlobalBatch&) = delete;
  GlobalBatch& operator=(const GlobalBatch&) = delete;

  /// That of the calling thread, or null.
  static GlobalBatch* current();

  Team& ranks() const { return ranks_; }
  BatchStatistics statistics() const { return statistics_; }
  int64_t images() const { return images_; }

  /// Images of this rank. A rank without any runs one that is nobody's, which counts nowhere.
  int64_t held() const;

  /// The place in the global batch of this rank's i-th image.
  int64_t place(int64_t i) const { return ranks_.rank() + i * ranks_.size(); }

  /// The next number of the generator that dropout draws from, equal on all ranks: the sequence of
  /// LibTorch's own generator after at::manual_seed(draws_key).
  int64_t next_draw();

 private:
  Team& ranks_;
  int64_t images_;
  BatchStatistics statistics_;
  at::Generator draws_;
  GlobalBatch* before_;
};

/// A sum over this rank's images -> the sum over all images of the batch. Its gradient is handed
/// through unchanged: a loss that every rank evaluates on global sums has the right gradient once
/// the ranks' gradients are added up. Without a global batch the tensor itself.
torch::Tensor over_ranks(const torch::Tensor& sum);

/// Images in the batch: those of the global one, or else `here`.
int64_t images_in_batch(int64_t here);

}  // namespace groundglass
