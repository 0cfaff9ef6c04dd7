#include "groundglass/models/blocks/inception_conv.h"

#include "groundglass/core/error.h"
#include "groundglass/models/blocks/keras_layers.h"

namespace groundglass {

InceptionConvImpl::InceptionConvImpl(int64_t in, int64_t out, const InceptionOptions& options)
    : options_(options) {
  const bool third = options.branch == BranchWidth::third;
  const int64_t width = third ? out / 3 : out;
  if (width < 1) {
    fail(ErrorKind::recipe, "inception convolution: a third of " + std::to_string(out) +
                                " channels is nothing, expected widths of at least 3");
  }
  conv1 = register_module("conv1", SeparableConv(in, width, 1));
  norm1 = register_module("norm1", keras_batch_norm(width));
  conv3 = register_module("conv3", SeparableConv(in, width, 3));
  norm3 = register_module("norm3", keras_batch_norm(width));
  conv5 = register_module("conv5", SeparableConv(in, width, 5));
  norm5 = register_module("norm5", keras_batch_norm(width));
  int64_t pooled = in;
  if (options.pool == PoolKind::hybrid) {
    if (third) pooled = width;
    pool = register_module(
        "pool",
        HybridPool(in, pooled, HybridPoolOptions{PoolPadding::same, options.spectral_activation}));
  }
  norm_pool = register_module("norm_pool", keras_batch_norm(pooled));
  if (options.merge == BranchMerge::sep) {
    separable_merge = register_module("merge", SeparableConv(3 * width + pooled, out, 1));
  } else {
    merge = register_module("merge", keras_conv(3 * width + pooled, out, 1));
    norm_merge = register_module("norm_merge", keras_batch_norm(out));
  }
}

torch::Tensor InceptionConvImpl::forward(const torch::Tensor& x) {
  const auto pooled = pool ? pool(x) : max_pool_2x2(x, PoolPadding::same);
  const auto branches = torch::cat({norm1(conv1(x)).relu_(), norm3(conv3(x)).relu_(),
                                    norm5(conv5(x)).relu_(), norm_pool(pooled).relu_()},
                                   1);
  if (separable_merge) return separable_merge(branches);
  return norm_merge(merge(branches)).relu_();
}

}  // namespace groundglass
