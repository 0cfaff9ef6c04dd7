#include "groundglass/losses/dice_loss.h"

namespace groundglass {

torch::Tensor dice_loss(const torch::Tensor& logits, const torch::Tensor& target,
                        const DiceLossOptions& options) {
  const auto [tp, fp, fn] = soft_confusion(logits, target, options.reduction);
  const double s = options.smooth;
  return (1 - (2 * tp + s) / (2 * tp + fp + fn + s)).mean();
}

}  // namespace groundglass
