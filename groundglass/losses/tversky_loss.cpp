#include "groundglass/losses/tversky_loss.h"

namespace groundglass {

torch::Tensor tversky_loss(const torch::Tensor& logits, const torch::Tensor& target,
                           const TverskyLossOptions& options) {
  const auto [tp, fp, fn] = soft_confusion(logits, target, options.reduction, options.classes);
  const double s = options.smooth;
  const auto index = (tp + s) / (tp + options.a_fn * fn + options.a_fp * fp + s);
  return over_classes(1 - index, options.classes);
}

}  // namespace groundglass
