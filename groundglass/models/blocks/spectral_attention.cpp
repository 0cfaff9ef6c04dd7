#include "groundglass/models/blocks/spectral_attention.h"

#include "groundglass/models/blocks/keras_layers.h"

namespace groundglass {

SpectralAttentionImpl::SpectralAttentionImpl(int64_t fine_channels, int64_t coarse_channels,
                                             const SpectralAttentionOptions& options)
    : options_(options) {
  const int64_t q = fine_channels, p = coarse_channels, reduced = std::max<int64_t>(1, q / 2);
  squeeze = register_module("squeeze", keras_conv(q, reduced, 1));
  excite = register_module("excite", keras_conv(reduced, q, 1));
  if (options.depth_fusion == DepthFusion::conv) {
    fuse_depth = register_module("fuse_depth", keras_conv(q, q, 1));
  }
  norm_depth = register_module("norm_depth", keras_batch_norm(q));
  from_fine = register_module("from_fine", keras_conv(q, p, 2, 2));
  from_coarse = register_module("from_coarse", keras_conv(p, p, 1));
  norm_map = register_module("norm_map", keras_batch_norm(p));
  map = register_module("map", keras_conv(p, 1, 1));
  fuse = register_module("fuse", keras_conv(q, q, 1));
  norm_fuse = register_module("norm_fuse", keras_batch_norm(q));
}

torch::Tensor SpectralAttentionImpl::depth(const torch::Tensor& fine) {
  const auto v = fine.mean({2, 3}, true);  // [N,q,1,1]: what global spectral pooling keeps
  auto weighted = torch::relu(excite(torch::relu(squeeze(v)))) * fine;
  if (fuse_depth) weighted = fuse_depth(weighted);
  return norm_depth(weighted).relu_();
}

torch::Tensor SpectralAttentionImpl::coefficients(const torch::Tensor& deep,
                                                  const torch::Tensor& coarse) {
  const auto g = norm_map(from_fine(deep) + from_coarse(coarse)).relu_();  // [N,p,H/2,W/2]
  const auto logit = map(g);                                               // [N,1,H/2,W/2]
  const auto a =
      options_.activation == MapActivation::sigmoid ? torch::sigmoid(logit) : torch::relu(logit);
  const std::vector<int64_t> size = {deep.size(2), deep.size(3)};
  const auto up = options_.upsampling == MapUpsampling::nearest
                      ? torch::upsample_nearest2d(a, size)
                      : torch::upsample_bilinear2d(a, size, false);
  return up.to(deep.scalar_type());
}

torch::Tensor SpectralAttentionImpl::forward(const torch::Tensor& fine,
                                             const torch::Tensor& coarse) {
  const auto deep = depth(fine);
  return norm_fuse(fuse(coefficients(deep, coarse) * deep)).relu_();  // [N,q,H,W]
}

}  // namespace groundglass
