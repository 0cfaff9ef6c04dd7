#pragma once

#include "groundglass/core/field.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

struct DiceLossOptions {
  double smooth = 1e-6;  ///< added above and below; makes empty-and-empty a perfect score
  Reduction reduction = Reduction::batch;

  template <class V>
  void fields(V& v) {
    v.field({"smooth", "added above and below the ratio", 0, 1000}, smooth);
    v.choice({"reduction", "over what the sums run"}, reduction,
             {{"batch", Reduction::batch}, {"per_image", Reduction::per_image}});
  }
};

/// Soft Dice loss, 1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s), averaged over the classes (and
/// images, if per_image).
///
/// Milletari, Navab, Ahmadi, "V-Net", 3DV 2016, https://arxiv.org/abs/1606.04797, sec. 3; as in
/// Bakheet, Youssef et al., Sci Rep 2026, 16:1551, eq. 3 and 4.
/// Differs: from V-Net in the denominator, which sums p and t and not their squares.
///
/// logits  [N,K,H,W] float. K = 1: sigmoid. K >= 2: softmax, and class 0 (background) is left out.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar in [0,1]; 0 is perfect; unitless; differentiable in `logits`.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor dice_loss(const torch::Tensor& logits, const torch::Tensor& target,
                        const DiceLossOptions& options = {});

}  // namespace groundglass
