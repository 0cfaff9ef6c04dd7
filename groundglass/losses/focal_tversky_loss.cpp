#include "groundglass/losses/focal_tversky_loss.h"

#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

double exponent_of(const FocalTverskyLossOptions& options) {
  switch (options.exponent) {
    case FocalExponent::one_over_gamma:
      return 1 / options.gamma;
    case FocalExponent::gamma_minus_1:
      return options.gamma - 1;
    case FocalExponent::gamma:
      return options.gamma;
  }
  fail(ErrorKind::internal, "focal_tversky: an exponent that is not known");
}

/// x^e for x >= 0, with the chord to 0 below 1e-7.
torch::Tensor power(const torch::Tensor& x, double e) {
  constexpr double kSmall = 1e-7;
  // The curve is cut off on its own branch as well: an infinite slope times 0 would be NaN.
  return torch::where(x > kSmall, x.clamp_min(kSmall).pow(e), x * std::pow(kSmall, e - 1));
}

}  // namespace

torch::Tensor focal_tversky_loss(const torch::Tensor& logits, const torch::Tensor& target,
                                 const FocalTverskyLossOptions& options) {
  const double e = exponent_of(options);
  if (!(e > 0)) {
    fail(ErrorKind::usage, "focal_tversky: gamma " + shortest(options.gamma) +
                               " makes the exponent " + shortest(e) + ", expected above 0");
  }
  const auto [tp, fp, fn] = soft_confusion(logits, target, options.reduction, options.classes);
  // 1 - TI without the subtraction, in which float32 would lose what is left of a good mask.
  const auto wrong = options.a_fn * fn.clamp_min(0) + options.a_fp * fp.clamp_min(0);
  return over_classes(power(wrong / (tp + wrong + options.smooth), e), options.classes);
}

}  // namespace groundglass
