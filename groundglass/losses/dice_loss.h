#pragma once

#include "groundglass/core/field.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

struct DiceLossOptions {
  double smooth = 1e-6;  ///< added above and below; makes empty-and-empty a perfect score
  Reduction reduction = Reduction::batch;
  Classes classes = Classes::foreground;
  double dice_factor = 2;  ///< of sum(p t); 1 leaves the 2 out as one printed formula does

  template <class V>
  void fields(V& v) {
    v.field({"smooth", "added above and below the ratio", 0, 1000}, smooth);
    v.choice({"reduction", "over what the sums run"}, reduction,
             {{"batch", Reduction::batch}, {"per_image", Reduction::per_image}});
    v.choice({"classes", "mean over the foreground or sum over all classes"}, classes,
             {{"foreground", Classes::foreground}, {"all", Classes::all}});
    v.field({"dice_factor", "factor of the overlap, 2 for Dice", 1, 2}, dice_factor);
  }
};

/// Soft Dice loss, 1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s), averaged over the classes (and
/// images, if per_image); with classes = all, summed over the classes.
///
/// Milletari, Navab, Ahmadi, "V-Net", 3DV 2016, https://arxiv.org/abs/1606.04797, sec. 3; as in
/// Bakheet, Youssef et al., Sci Rep 2026, 16:1551, eq. 3 and 4. The two-class sum (classes = all,
/// reduction = per_image, smooth 1e-8) is paper 002, eq. 4 and 5; with smooth 1e-5 over the batch
/// it is the Dice term of Degerli et al., https://arxiv.org/abs/2009.12698, eq. 7. Differs: from
/// V-Net in the denominator, which sums p and t and not their squares (that one is
/// squared_dice_loss). Eq. 5 of paper 002 prints no factor 2 and eq. 4 does; 2 is the default, and
/// dice_factor = 1 follows eq. 5, where a perfect mask costs 1/2 per class.
///
/// logits  [N,K,H,W] float. K = 1: sigmoid. K >= 2: softmax; class 0 is background and is left out
///         unless classes = all.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar in [0,1], or [0,max(K,2)] for all classes; 0 is perfect; unitless;
///         differentiable in `logits`.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor dice_loss(const torch::Tensor& logits, const torch::Tensor& target,
                        const DiceLossOptions& options = {});

}  // namespace groundglass
