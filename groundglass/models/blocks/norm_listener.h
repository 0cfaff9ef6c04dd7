#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// While one lives, every batch norm of its thread that is in training mode normalises each batch
/// by itself, leaves its moving statistics alone and tells the listener what it saw. Listeners of
/// one thread do not nest.
class NormListener {
 public:
  NormListener();
  virtual ~NormListener();
  NormListener(const NormListener&) = delete;
  NormListener& operator=(const NormListener&) = delete;

  /// That of the calling thread, or null.
  static NormListener* current();

  /// One batch at one layer.
  ///
  /// mean, variance  [C] of the layer's input over `count` values of each channel; the variance
  ///                 divides by the count.
  virtual void hear(const torch::nn::Module& layer, const torch::Tensor& mean,
                    const torch::Tensor& variance, double count) = 0;
};

/// Batch norm by the statistics of the image [N,C,H,W] itself, which the listener is told; weight
/// may be undefined, which is 1. A listener has to live.
torch::Tensor listened_batch_norm(const torch::nn::Module& layer, const torch::Tensor& image,
                                  const torch::Tensor& weight, const torch::Tensor& bias,
                                  double eps);

}  // namespace groundglass
