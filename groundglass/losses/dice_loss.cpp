#include "groundglass/losses/dice_loss.h"

namespace groundglass {

torch::Tensor dice_loss(const torch::Tensor& logits, const torch::Tensor& target,
                        const DiceLossOptions& options) {
  const auto [tp, fp, fn] = soft_confusion(logits, target, options.reduction, options.classes);
  const double s = options.smooth;
  const auto score = (options.dice_factor * tp + s) / (2 * tp + fp + fn + s);
  return over_classes(1 - score, options.classes);
}

}  // namespace groundglass
