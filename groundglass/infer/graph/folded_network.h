#pragma once

#include <memory>
#include <string>

#include "groundglass/infer/graph/trace.h"

namespace groundglass {

struct FoldOptions {
  torch::Device device = torch::kCPU;
  /// Of convolutions and the maps that they make; bfloat16 needs no autocast. Products of matrices,
  /// Fourier transforms and unpooling stay in float32.
  torch::ScalarType precision = torch::kFloat32;
};

/// A traced network in evaluation mode as a list of LibTorch's operators: weights are constants on
/// the device, in the precision asked for and channels last; batch norm behind a convolution is
/// part of its weights. What runs it is LibTorch's interpreter without any optimisation that
/// depends on earlier runs, so that every call does the same.
///
/// Differs: sums of folded layers are rounded in another order than the network's.
class FoldedNetwork {
 public:
  /// Throws Error(internal) for a network that asks for more of its image than numbers.
  FoldedNetwork(const TracedModel& traced, const FoldOptions& options);
  ~FoldedNetwork();
  FoldedNetwork(FoldedNetwork&&) noexcept;

  /// The first output, [N,K,H,W] float32 on the device, of an image [N,C,H,W] that is there.
  torch::Tensor run(const torch::Tensor& image) const;

  /// How often an operator stands in the list: "aten::batch_norm".
  int64_t count(const std::string& name) const;
  /// Convolutions whose weights lie channels last.
  int64_t channels_last() const;
  int64_t weight_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace groundglass
