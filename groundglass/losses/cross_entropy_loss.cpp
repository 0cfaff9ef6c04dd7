#include "groundglass/losses/cross_entropy_loss.h"

#include "groundglass/core/task.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

torch::Tensor cross_entropy_loss(const torch::Tensor& logits, const torch::Tensor& target) {
  check_shapes(logits, target);
  const auto valid = target != kIgnoreLabel;
  const auto count = valid.sum().clamp_min(1);
  if (logits.size(1) == 1) {
    const auto x = logits.select(1, 0);
    const auto t = target.to(x.scalar_type());
    const auto each = torch::binary_cross_entropy_with_logits(x, t, {}, {}, at::Reduction::None);
    return (each * valid).sum() / count;
  }
  const auto known = target.to(torch::kInt64).masked_fill(valid.logical_not(), 0);
  const auto each = -torch::log_softmax(logits, 1).gather(1, known.unsqueeze(1)).squeeze(1);
  return (each * valid).sum() / count;
}

}  // namespace groundglass
