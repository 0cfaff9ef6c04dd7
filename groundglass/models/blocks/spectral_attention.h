#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/nn.h"

namespace groundglass {

/// What turns the attention map into coefficients.
enum class MapActivation { sigmoid, relu };

/// How coefficients reach the finer scale.
enum class MapUpsampling { nearest, bilinear };

/// What follows the weighting of the channels.
enum class DepthFusion {
  conv,  ///< 1x1 convolution, batch norm, ReLU
  none   ///< batch norm, ReLU
};

struct SpectralAttentionOptions {
  MapActivation activation = MapActivation::sigmoid;
  MapUpsampling upsampling = MapUpsampling::nearest;
  DepthFusion depth_fusion = DepthFusion::conv;
};

/// Spectral spatial and depth attention on a skip connection: channels are weighted by what global
/// spectral pooling says about them, then pixels by a map made with the next coarser scale.
///
///   A_d = relu(W2 relu(W1 pool(F))), F_d = relu(norm(W (A_d F)))
///   g   = relu(norm(W_f *2 F_d + W_c F_coarse)), A_s = up(sigmoid(w g)),
///   F_s = relu(norm(W' (A_s F_d)))
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, eq. 8 to 12.
/// Differs: the map has one channel, where eq. 11 prints a kernel of p and calls the result one
/// map; its activation is the equation's sigmoid, not the text's ReLU (an option). Global spectral
/// pooling keeps a single frequency and is the mean. F_coarse is the encoder's.
///
/// fine   [N,fine_channels,H,W], H and W even.
/// coarse [N,coarse_channels,H/2,W/2].
/// returns [N,fine_channels,H,W], not negative.
class SpectralAttentionImpl final : public torch::nn::Module {
 public:
  SpectralAttentionImpl(int64_t fine_channels, int64_t coarse_channels,
                        const SpectralAttentionOptions& options = {});
  torch::Tensor forward(const torch::Tensor& fine, const torch::Tensor& coarse);

  /// The channels weighted: F_d [N,fine_channels,H,W].
  torch::Tensor depth(const torch::Tensor& fine);

  /// The coefficients A_s [N,1,H,W], in (0,1) for a sigmoid, from F_d: where the attention looks.
  torch::Tensor coefficients(const torch::Tensor& deep, const torch::Tensor& coarse);

 private:
  SpectralAttentionOptions options_;
  torch::nn::Conv2d squeeze{nullptr}, excite{nullptr}, fuse_depth{nullptr};
  BatchNorm2d norm_depth{nullptr};
  torch::nn::Conv2d from_fine{nullptr}, from_coarse{nullptr}, map{nullptr}, fuse{nullptr};
  BatchNorm2d norm_map{nullptr}, norm_fuse{nullptr};
};
TORCH_MODULE(SpectralAttention);

}  // namespace groundglass
