#include "groundglass/models/blocks/residual_inception_block.h"

#include "groundglass/models/blocks/keras_layers.h"

namespace groundglass {

ResidualInceptionBlockImpl::ResidualInceptionBlockImpl(int64_t in, int64_t out,
                                                       const InceptionOptions& options,
                                                       InceptionDepth depth) {
  inception1 = register_module("inception1", InceptionConv(in, out, options));
  if (depth == InceptionDepth::two) {
    inception2 = register_module("inception2", InceptionConv(out, out, options));
  }
  shortcut = register_module("shortcut", SeparableConv(in, out));
  norm_shortcut = register_module("norm_shortcut", keras_batch_norm(out));
}

torch::Tensor ResidualInceptionBlockImpl::forward(const torch::Tensor& x) {
  auto y = inception1(x);
  if (inception2) y = inception2(y);
  return y + norm_shortcut(shortcut(x));
}

}  // namespace groundglass
