#pragma once

#include "groundglass/core/field.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

/// How gamma becomes the exponent of 1 - TI.
enum class FocalExponent {
  one_over_gamma,  ///< 1 / gamma, the form its authors state
  gamma_minus_1,   ///< gamma - 1, as the minus sign of an exponent can be misread
  gamma,           ///< gamma itself
};

struct FocalTverskyLossOptions {
  double a_fn = 0.7;         ///< weight of missed pixels
  double a_fp = 0.3;         ///< weight of false alarms
  double gamma = 4.0 / 3.0;  ///< 1 to 3; above 1 hard images weigh more
  FocalExponent exponent = FocalExponent::one_over_gamma;
  double smooth = 1e-6;
  Reduction reduction = Reduction::batch;
  Classes classes = Classes::foreground;

  template <class V>
  void fields(V& v) {
    v.field({"a_fn", "weight of missed pixels", 0, 10}, a_fn);
    v.field({"a_fp", "weight of false alarms", 0, 10}, a_fp);
    v.field({"gamma", "focus on what overlaps little", 0.1, 10}, gamma);
    v.choice({"exponent", "how gamma becomes the exponent"}, exponent,
             {{"one_over_gamma", FocalExponent::one_over_gamma},
              {"gamma_minus_1", FocalExponent::gamma_minus_1},
              {"gamma", FocalExponent::gamma}});
    v.field({"smooth", "added above and below the ratio", 0, 1000}, smooth);
    v.choice({"reduction", "over what the sums run"}, reduction,
             {{"batch", Reduction::batch}, {"per_image", Reduction::per_image}});
    v.choice({"classes", "mean over the foreground or sum over all classes"}, classes,
             {{"foreground", Classes::foreground}, {"all", Classes::all}});
  }
};

/// Focal Tversky loss, (1 - TI)^e with TI = (TP + s) / (TP + a_fn FN + a_fp FP + s), averaged over
/// the classes (and images, if per_image); with classes = all, summed over the classes.
///
/// Abraham, Khan, ISBI 2019, https://arxiv.org/abs/1810.07842, eq. 4; paper 002 with the two-class
/// sum (classes = all, reduction = per_image, smooth 1e-8), where alpha weighs false alarms.
/// Differs: the weights carry the names of what they weigh, since papers swap alpha and beta. Below
/// 1 - TI = 1e-7, where a root has an infinite slope, the chord to 0 stands in for the curve.
///
/// logits  [N,K,H,W] float. K = 1: sigmoid. K >= 2: softmax; class 0 is background and is left out
///         unless classes = all.
/// target  [N,H,W] whole numbers, 0..max(K,2)-1 or kIgnoreLabel.
/// returns a scalar in [0,1], or [0,max(K,2)] for all classes; 0 is perfect; unitless;
///         differentiable in `logits`.
/// throws  Error(usage) if the shapes do not agree, or if gamma makes the exponent 0 or less, which
///         would leave nothing to learn from.
torch::Tensor focal_tversky_loss(const torch::Tensor& logits, const torch::Tensor& target,
                                 const FocalTverskyLossOptions& options = {});

}  // namespace groundglass
