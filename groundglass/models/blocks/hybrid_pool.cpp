#include "groundglass/models/blocks/hybrid_pool.h"

#include "groundglass/models/blocks/keras_layers.h"

namespace groundglass {

torch::Tensor max_pool_2x2(const torch::Tensor& x, PoolPadding padding) {
  if (padding == PoolPadding::valid) return torch::max_pool2d(x, 2);
  // LibTorch pads all four sides; without the first row and column the upper left pads go unseen.
  return torch::max_pool2d(x, 2, 1, 1).narrow(2, 1, x.size(2)).narrow(3, 1, x.size(3));
}

HybridPoolImpl::HybridPoolImpl(int64_t in, int64_t out, const HybridPoolOptions& options)
    : options_(options) {
  mix = register_module("mix", keras_conv(2 * in, out, 1));
}

torch::Tensor HybridPoolImpl::forward(const torch::Tensor& x) {
  const auto largest = max_pool_2x2(x, options_.padding);
  auto spectral = options_.padding == PoolPadding::same
                      ? x
                      : spectral_pool2d(x, x.size(2) / 2, x.size(3) / 2, options_.scale);
  if (options_.activation == SpectralActivation::relu) spectral = torch::relu(spectral);
  return mix(torch::cat({largest, spectral}, 1));
}

}  // namespace groundglass
