#pragma once

#include <torch/types.h>

namespace groundglass {

/// Cross-entropy of a network's answer with that of another, its teacher, averaged over the pixels
/// that are not ignored: -sum q log p with q the teacher's probabilities and p the network's.
///
/// Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network",
/// https://arxiv.org/abs/1503.02531, section 2.
/// Differs: temperature 1, so that it stands on the scale of cross_entropy_loss.
///
/// logits, teacher  [N,K,H,W] float. K = 1: a sigmoid's two classes. K >= 2: softmax. No gradient
///                  goes to `teacher`.
/// target           [N,H,W]; only kIgnoreLabel is looked at.
/// returns a scalar >= the teacher's mean entropy; nats per pixel; differentiable in `logits`; 0 if
///         every pixel is ignored.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& teacher,
                                const torch::Tensor& target);

}  // namespace groundglass
