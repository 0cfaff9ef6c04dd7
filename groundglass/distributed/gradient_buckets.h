#pragma once

#include <memory>
#include <vector>

#include "groundglass/distributed/team.h"

namespace groundglass {

/// How gradients are put together on their way to the other ranks.
struct GradientBucketOptions {
  int64_t first_mib = 1;  ///< the first bucket is small, so that something is on its way early
  int64_t bucket_mib = 25;
  int64_t last_mib = 1;  ///< and so is the last one, which nothing is left to hide
  /// float32 gradients travel as this kind: kBFloat16 halves the bytes, and rounds each rank's
  /// gradient to 8 bits and the sum as well. Other kinds travel as they are.
  torch::ScalarType float_travels_as = torch::kFloat32;
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

  /// After it: sends what is left, waits, and leaves the sums as the parameters' gradients. They
  /// lie in the buckets until the next begin(), unless they travelled as another kind.
  void finish();

  /// Seconds that finish() stood still, all calls together: what was not hidden.
  double waited_s() const { return waited_s_; }

  int64_t bytes() const;

 private:
  struct Slot;
  struct Bucket;
  void part_the_last(int64_t most_numbers);
  torch::Tensor arrive(size_t slot, const torch::Tensor& gradient);
  void send_ready();

  Team& ranks_;
  std::vector<Slot> slots_;  ///< in reverse order of the parameters
  std::vector<Bucket> buckets_;
  size_t sent_ = 0;
  double waited_s_ = 0;
};

}  // namespace groundglass
