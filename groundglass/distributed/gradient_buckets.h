#pragma once

#include <memory>
#include <vector>

#include "groundglass/distributed/team.h"

namespace groundglass {

/// How gradients are put together on their way to the other ranks.
struct GradientBucketOptions {
  int64_t first_mib = 1;  ///< the first bucket is small, so that something is on its way early
  int64_t bucket_mib = 25;
};

/// Adds the gradients of parameters up over the ranks while the backward pass goes on. Parameters
/// are put into buckets in the reverse of their order, once; a bucket is on its way as soon as its
/// last gradient is there and the buckets before it have left, so that every rank sends the same
/// ones in the same order.
///
/// A parameter that has no gradient on a rank counts as zero there; one that has none on any rank
/// is left without.
class GradientBuckets {
 public:
  GradientBuckets(std::vector<torch::Tensor> parameters, Team& ranks,
                  const GradientBucketOptions& options = {});
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  /// Before the backward pass.
  void begin();

  /// After it: sends what is left, waits, and leaves the sums as the parameters' gradients, which
  /// lie in the buckets until the next begin().
  void finish();

  /// Seconds that finish() stood still, all calls together: what was not hidden.
  double waited_s() const { return waited_s_; }

  int64_t bytes() const;

 private:
  struct Slot;
  struct Bucket;
  void arrive(size_t slot, const torch::Tensor& gradient);
  void send_ready();

  Team& ranks_;
  std::vector<Slot> slots_;  ///< in reverse order of the parameters
  std::vector<Bucket> buckets_;
  size_t sent_ = 0;
  double waited_s_ = 0;
};

}  // namespace groundglass
