#pragma once

#include "groundglass/core/field.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

struct TverskyLossOptions {
  double a_fn = 0.7;  ///< weight of missed pixels; the paper's alpha
  double a_fp = 0.3;  ///< weight of false alarms; the paper's beta
  double smooth = 1e-6;
  Reduction reduction = Reduction::batch;
  Classes classes = Classes::foreground;

  template <class V>
  void fields(V& v) {
    v.field({"a_fn", "weight of missed pixels", 0, 10}, a_fn);
    v.field({"a_fp", "weight of false alarms", 0, 10}, a_fp);
    v.field({"smooth", "added above and below the ratio", 0, 1000}, smooth);
    v.choice({"reduction", "over what the sums run"}, reduction,
             {{"batch", Reduction::batch}, {"per_image", Reduction::per_image}});
    v.choice({"classes", "mean over the foreground or sum over all classes"}, classes,
             {{"foreground", Classes::foreground}, {"all", Classes::all}});
  }
};

/// Tversky loss, 1 - (TP + s) / (TP + a_fn FN + a_fp FP + s), averaged over the classes (and
/// images, if per_image); with classes = all, summed over the classes. With a_fn = a_fp = 0.5 and s
/// = 0 it is the Dice loss.
///
/// Salehi, Erdogmus, Gholipour, MLMI 2017, https://arxiv.org/abs/1706.05721, eq. 4; as in Bakheet,
/// Youssef et al., Sci Rep 2026, 16:1551, eq. 5, where alpha belongs to FN. The two-class sum
/// (classes = all, reduction = per_image, smooth 1e-8) is paper 002, eq. 7, where alpha belongs to
/// FP; there a false alarm of one class is a miss of the other, so the weights matter little.
/// Differs: the weights carry the names of what they weigh, since papers swap alpha and beta.
///
/// logits  [N,K,H,W] float. K = 1: sigmoid. K >= 2: softmax; class 0 is background and is left out
///         unless classes = all.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar in [0,1], or [0,max(K,2)] for all classes; 0 is perfect; unitless;
///         differentiable in `logits`.
/// throws  Error(usage) if the shapes do not agree.
torch::Tensor tversky_loss(const torch::Tensor& logits, const torch::Tensor& target,
                           const TverskyLossOptions& options = {});

}  // namespace groundglass
