#pragma once

#include <torch/types.h>

namespace groundglass {

/// Cross-entropy, averaged over the pixels that are not ignored: binary for K = 1, else over the
/// softmax of all K classes, the background included.
///
/// Differs: from Keras' binary_crossentropy, which clamps p to [1e-7, 1 - 1e-7]; this one is made
/// from the logits and needs no clamp.
///
/// logits  [N,K,H,W] float.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar >= 0; 0 is perfect; nats per pixel; differentiable in `logits`; 0 if every
///         pixel is ignored.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor cross_entropy_loss(const torch::Tensor& logits, const torch::Tensor& target);

}  // namespace groundglass
