#pragma once

#include <functional>
#include <memory>
#include <string>

#include "groundglass/distributed/c10d.h"
#include "groundglass/distributed/team.h"

#ifdef GROUNDGLASS_GLOO

namespace groundglass {

/// Sums of bfloat16 numbers over the ranks of a Gloo group, which has none in LibTorch 1.13. They
/// go on beside other work, one after the other, on a thread of their own.
///
/// Each rank is handed all ranks' numbers of its part of the tensor, adds them up in float32 in the
/// order of ranks, rounds once, and gives the sums to all. As many bytes travel as in a ring, and
/// all ranks get the same bits.
class Bf16Sums {
 public:
  using Group = c10::intrusive_ptr<c10d::ProcessGroupGloo>;
  /// Throws for a sum that failed: because of `why` while `what` was done.
  using Lost = std::function<void(const std::string& what, const std::string& why)>;

  /// The group is used for nothing else.
  explicit Bf16Sums(Group group);
  /// Waits for what was begun, unless it was abandoned.
  ~Bf16Sums();
  Bf16Sums(const Bf16Sums&) = delete;
  Bf16Sums& operator=(const Bf16Sums&) = delete;

  /// Begins to add up a contiguous CPU tensor in place; `lost` is called by wait().
  std::unique_ptr<PendingSum> begin(torch::Tensor numbers, Lost lost);

  /// Lets go of ranks that are gone: waits for nothing from now on.
  void abandon();

 private:
  struct Line;
  std::shared_ptr<Line> line_;
};

}  // namespace groundglass

#endif
