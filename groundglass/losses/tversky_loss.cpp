#include "groundglass/losses/tversky_loss.h"

namespace groundglass {

torch::Tensor tversky_loss(const torch::Tensor& logits, const torch::Tensor& target,
                           const TverskyLossOptions& options) {
  const auto [tp, fp, fn] = soft_confusion(logits, target, options.reduction);
  const double s = options.smooth;
  return (1 - (tp + s) / (tp + options.a_fn * fn + options.a_fp * fp + s)).mean();
}

}  // namespace groundglass
