#pragma once

#include "groundglass/core/field.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

/// Which pixels' entropy counts.
enum class EntropyPixels {
  unlabelled,  ///< those whose target is kIgnoreLabel
  all,
};

struct EntropyLossOptions {
  EntropyPixels pixels = EntropyPixels::unlabelled;

  template <class V>
  void fields(V& v) {
    v.choice({"pixels", "whose entropy counts: those without a label, or all"}, pixels,
             {{"unlabelled", EntropyPixels::unlabelled}, {"all", EntropyPixels::all}});
  }
};

/// Mean entropy of the predicted distribution, -sum p log p in nats; learning it makes a network
/// surer of images that nobody has labelled. 0 where no pixel counts.
///
/// Grandvalet, Bengio, "Semi-supervised learning by entropy minimization", NIPS 2004; for
/// segmentation Vu, Jain, Bucher, Cord, Perez, "ADVENT", CVPR 2019,
/// https://arxiv.org/abs/1811.12833, eq. 3.
/// Differs: from ADVENT in that it is not divided by the logarithm of the number of classes.
///
/// logits  [N,K,H,W] float. K = 1: a sigmoid's two classes. K >= 2: softmax, every class.
/// target  [N,H,W] whole numbers or kIgnoreLabel; only the latter is looked at.
/// returns a scalar in [0, log max(K,2)]; differentiable in `logits`.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor entropy_loss(const torch::Tensor& logits, const torch::Tensor& target,
                           const EntropyLossOptions& options = {});

}  // namespace groundglass
