#pragma once

#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/hybrid_pool.h"
#include "groundglass/models/blocks/separable_conv.h"

namespace groundglass {

/// How networks of the inception family pool.
enum class PoolKind { max, hybrid };

/// Width of each branch, for a result of r channels.
enum class BranchWidth {
  full,  ///< convolutions r, pooling as many as come in
  third  ///< r / 3, the pooling branch included
};

/// How the branches become one map.
enum class BranchMerge {
  conv,  ///< 1x1 convolution, batch norm, ReLU
  sep    ///< 1x1 separable convolution alone
};

struct InceptionOptions {
  PoolKind pool = PoolKind::hybrid;
  BranchWidth branch = BranchWidth::full;
  BranchMerge merge = BranchMerge::conv;
  SpectralActivation spectral_activation = SpectralActivation::relu;
};

/// Inception convolution: separable convolutions of 1x1, 3x3 and 5x5 and a pool beside each other,
/// each with batch norm and ReLU, then concatenated and merged.
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, eq. 3 to 5 and Fig. 9.
/// Differs: where the text names 2x2, 3x3 and 5x5, equation and figure (1, 3, 5) are followed. Max
/// pooling keeps the channels that come in, whatever the branch width.
///
/// x [N,in,H,W] -> [N,out,H,W].
class InceptionConvImpl final : public torch::nn::Module {
 public:
  InceptionConvImpl(int64_t in, int64_t out, const InceptionOptions& options = {});
  torch::Tensor forward(const torch::Tensor& x);

 private:
  InceptionOptions options_;
  SeparableConv conv1{nullptr}, conv3{nullptr}, conv5{nullptr};
  BatchNorm2d norm1{nullptr}, norm3{nullptr}, norm5{nullptr};
  HybridPool pool{nullptr};
  BatchNorm2d norm_pool{nullptr};
  torch::nn::Conv2d merge{nullptr};
  BatchNorm2d norm_merge{nullptr};
  SeparableConv separable_merge{nullptr};  // its keys begin with "merge", too
};
TORCH_MODULE(InceptionConv);

}  // namespace groundglass
