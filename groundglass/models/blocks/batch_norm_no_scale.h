#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// Batch norm without the scale gamma: y = (x - mean) / sqrt(var + eps) + bias, as Keras' layer
/// with scale = false. Mean and variance are the batch's in training, the moving ones otherwise.
///
/// Ioffe, Szegedy, ICML 2015, https://arxiv.org/abs/1502.03167, with gamma = 1.
/// Differs: nothing known. Names and moving statistics are those of LibTorch's BatchNorm2d, less
/// `weight`; momentum is the share of the new batch.
///
/// image [N,C,H,W] -> the same shape.
class BatchNormNoScaleImpl final : public torch::nn::Module {
 public:
  explicit BatchNormNoScaleImpl(int64_t channels, double eps = 1e-3, double momentum = 0.01);
  torch::Tensor forward(const torch::Tensor& image);

  double momentum() const { return momentum_; }

  torch::Tensor bias;                       ///< [C], starts at 0
  torch::Tensor running_mean, running_var;  ///< [C], start at 0 and 1
  torch::Tensor num_batches_tracked;        ///< batches seen in training

 private:
  double eps_, momentum_;
};
TORCH_MODULE(BatchNormNoScale);

}  // namespace groundglass
