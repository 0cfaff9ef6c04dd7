#pragma once

#include <torch/types.h>

#include "groundglass/core/field.h"

namespace groundglass {

struct FocalLossOptions {
  double alpha = 0.25;  ///< weight of foreground pixels; the background has 1 - alpha
  double gamma = 2;     ///< how much less pixels count that are already right; 0 is cross-entropy

  template <class V>
  void fields(V& v) {
    v.field({"alpha", "weight of foreground pixels, 1 - alpha for the background", 0, 1}, alpha);
    v.field({"gamma", "how much less pixels count that are already right", 0, 10}, gamma);
  }
};

/// Focal loss, the mean over the pixels that are not ignored of -a (1 - q)^gamma log q, where q is
/// the probability of the true class and a is alpha for foreground, 1 - alpha for background.
///
/// Lin, Goyal, Girshick, He, Dollar, ICCV 2017, https://arxiv.org/abs/1708.02002, eq. 5; the focal
/// half of Degerli et al., https://arxiv.org/abs/2009.12698, eq. 5.
/// Differs: made from the logits, so there is no clamp of the probability to [1e-7, 1 - 1e-7] as in
/// the Keras code the paper used. For K >= 2 the mean runs over pixels, so that two classes with a
/// background logit of 0 give what one logit gives; Keras code for several classes averages over
/// pixels and classes and weighs the background with alpha too.
///
/// logits  [N,K,H,W] float. K = 1: sigmoid. K >= 2: softmax with class 0 as background.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar >= 0; 0 is perfect; nats per pixel; differentiable in `logits`; 0 if every
///         pixel is ignored.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor focal_loss(const torch::Tensor& logits, const torch::Tensor& target,
                         const FocalLossOptions& options = {});

}  // namespace groundglass
