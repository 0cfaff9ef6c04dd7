#pragma once

#include "groundglass/core/field.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

struct SquaredDiceLossOptions {
  double smooth = 1e-6;  ///< added above and below; makes empty-and-empty a perfect score
  Reduction reduction = Reduction::batch;
  Classes classes = Classes::foreground;

  template <class V>
  void fields(V& v) {
    v.field({"smooth", "added above and below the ratio", 0, 1000}, smooth);
    v.choice({"reduction", "over what the sums run"}, reduction,
             {{"batch", Reduction::batch}, {"per_image", Reduction::per_image}});
    v.choice({"classes", "mean over the foreground or sum over all classes"}, classes,
             {{"foreground", Classes::foreground}, {"all", Classes::all}});
  }
};

/// Soft Dice loss over squares, 1 - (2 sum(p t) + s) / (sum(p^2) + sum(t^2) + s), averaged over the
/// classes (and images, if per_image); with classes = all, summed over the classes.
///
/// Milletari, Navab, Ahmadi, "V-Net", 3DV 2016, https://arxiv.org/abs/1606.04797, sec. 3; the Dice
/// half of paper 001 (CHS-Net), eq. 14.
/// Differs: from paper 001 in the smoothing, of which nothing is printed there; without it an empty
/// mask under an empty prediction is 0 / 0.
///
/// logits  [N,K,H,W] float. K = 1: sigmoid. K >= 2: softmax; class 0 is background and is left out
///         unless classes = all.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar in [0,1], or [0,max(K,2)] for all classes; 0 is perfect; unitless;
///         differentiable in `logits`.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor squared_dice_loss(const torch::Tensor& logits, const torch::Tensor& target,
                                const SquaredDiceLossOptions& options = {});

}  // namespace groundglass
