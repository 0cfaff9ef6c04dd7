#pragma once

#include "groundglass/models/blocks/spectral_pool.h"

namespace groundglass {

/// Where a 2x2 pool looks.
enum class PoolPadding {
  valid,  ///< stride 2: half the height and width
  same    ///< stride 1: the same size; windows end with the map on the right and below
};

/// What follows the spectral half of a hybrid pool.
enum class SpectralActivation { relu, none };

struct HybridPoolOptions {
  PoolPadding padding = PoolPadding::valid;
  SpectralActivation activation = SpectralActivation::relu;
  SpectralScale scale = SpectralScale::preserve_mean;
};

/// The largest value of each 2x2 window. [N,C,H,W] -> [N,C,H/2,W/2], or [N,C,H,W] for `same`.
torch::Tensor max_pool_2x2(const torch::Tensor& x, PoolPadding padding);

/// Hybrid pooling: max pooling beside spectral pooling, mixed by a 1x1 convolution with bias. With
/// padding `same` the spectral half is the map itself.
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, sec. 3.
/// Differs: the transform runs over height and width, as eq. 2 says; the code that the authors
/// published for a later network transforms width and channels. The ReLU after the spectral half is
/// of that code, too; the paper has none (SpectralActivation::none).
///
/// x [N,in,H,W] -> [N,out,H/2,W/2], or [N,out,H,W] for `same`.
class HybridPoolImpl final : public torch::nn::Module {
 public:
  HybridPoolImpl(int64_t in, int64_t out, const HybridPoolOptions& options = {});
  torch::Tensor forward(const torch::Tensor& x);

 private:
  HybridPoolOptions options_;
  torch::nn::Conv2d mix{nullptr};
};
TORCH_MODULE(HybridPool);

}  // namespace groundglass
