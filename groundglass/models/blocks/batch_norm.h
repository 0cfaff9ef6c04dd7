#pragma once

#include "groundglass/models/nn.h"

namespace groundglass {

/// LibTorch's batch norm over the images of all ranks, where several ranks train one network with
/// global statistics (GlobalBatch); everywhere else LibTorch's own, to the bit. Names, options and
/// moving statistics are LibTorch's.
///
/// Ioffe, Szegedy, ICML 2015, https://arxiv.org/abs/1502.03167, algorithm 1 over the global batch.
/// Means and squared deviations of the ranks are put together by Chan, Golub, LeVeque, "Updating
/// formulae and a pairwise algorithm for computing sample variances", 1979, so that large means do
/// not cancel.
class BatchNorm2dImpl final
    : public torch::nn::NormImplBase<2, BatchNorm2dImpl, torch::nn::BatchNorm2dOptions> {
 public:
  using NormImplBase::NormImplBase;
  explicit BatchNorm2dImpl(int64_t channels)
      : BatchNorm2dImpl(torch::nn::BatchNorm2dOptions(channels)) {}

  /// image [N,C,H,W] -> the same shape.
  torch::Tensor forward(const torch::Tensor& image);

 protected:
  void _check_input_dim(const torch::Tensor& image) override;
};
TORCH_MODULE(BatchNorm2d);

/// What a batch norm keeps and is made with.
struct BatchNormState {
  torch::Tensor weight, bias;               ///< [C]; the weight may be undefined, which is 1
  torch::Tensor running_mean, running_var;  ///< [C], changed in place
  double momentum = 0.1;                    ///< share of the new batch
  double eps = 1e-5;
};

/// True if a layer in training mode has to use global_batch_norm().
bool norms_globally();

/// Batch norm of a training step over the images of all ranks, with its moving statistics. In the
/// backward pass the sums over images run over all ranks, too; the gradients of weight and bias are
/// this rank's part, to be added up as all gradients are. norms_globally() has to hold.
torch::Tensor global_batch_norm(const torch::Tensor& image, const BatchNormState& state);

/// Throws Error(internal) naming a layer of LibTorch's own batch norm, which would not use global
/// statistics.
void check_norms_are_ours(const torch::nn::Module& network);

}  // namespace groundglass
