#include "groundglass/losses/squared_dice_loss.h"

namespace groundglass {

torch::Tensor squared_dice_loss(const torch::Tensor& logits, const torch::Tensor& target,
                                const SquaredDiceLossOptions& options) {
  const auto [p, t] =
      options.classes == Classes::all ? every_class(logits, target) : foreground(logits, target);
  const double s = options.smooth;
  const auto overlap = summed(p * t, options.reduction);
  const auto squares = summed(p * p, options.reduction) + summed(t, options.reduction);  // t^2 = t
  return over_classes(1 - (2 * overlap + s) / (squares + s), options.classes);
}

}  // namespace groundglass
