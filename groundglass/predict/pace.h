#pragma once

#include <filesystem>

#include "groundglass/core/events.h"
#include "groundglass/predict/batch_choice.h"
#include "groundglass/predict/memory_need.h"

namespace groundglass {

struct PaceOptions {
  int64_t batch = 0;         ///< slices at once; 0: chosen
  int64_t memory_limit = 0;  ///< bytes that the process may hold; 0: what the machine has left
};

/// How many slices a prediction takes at once, and how much memory it takes for that.
///
/// The first slice goes alone: it makes the plan, and shows what the network takes. From then on
/// the process holds program, weights and plan, and what else comes is arithmetic (MemoryNeed), so
/// the most that the call will hold is told before it goes on. Batches are chosen by BatchChoice
/// where plans run on the processor, whose answer is the same for any batch; 8 for LibTorch, and 32
/// for a GPU, which divides them as its memory asks. A chosen batch shrinks where memory is short.
class Pace {
 public:
  Pace(const Segmenter& segmenter, const PaceOptions& options, Observer& observer);

  /// How many slices of `path` to take next. Tells, by Note, each time the most grows. Throws
  /// Error(device) if memory does not suffice, before anything of it is read.
  int64_t next(const std::filesystem::path& path, const MemoryNeed& need);
  void took(int64_t slices, double seconds);

  /// Most that the process will hold, MiB; 0 before it is known.
  double bound_mib() const { return bound_; }

 private:
  int64_t wanted() const;
  double mib_with(const MemoryNeed& need, int64_t batch) const;
  [[noreturn]] void refuse(const std::filesystem::path& path, const MemoryNeed& need, int64_t batch,
                           double allowed) const;
  void tell(const MemoryNeed& need, int64_t batch, double allowed);

  const Segmenter& segmenter_;
  PaceOptions options_;
  Observer& observer_;
  BatchChoice choice_;
  double base_ = 0;   // MiB that the process held once the network had run
  double bound_ = 0;  // MiB
};

}  // namespace groundglass
