#include "groundglass/losses/cross_entropy_loss.h"

#include "groundglass/core/task.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {
namespace {

/// [N,H,W], in nats; what stands at ignored pixels means nothing.
torch::Tensor of_each_pixel(const torch::Tensor& logits, const torch::Tensor& target,
                            const torch::Tensor& valid) {
  if (logits.size(1) == 1) {
    const auto x = logits.select(1, 0);
    const auto t = target.to(x.scalar_type());
    return torch::binary_cross_entropy_with_logits(x, t, {}, {}, at::Reduction::None);
  }
  const auto known = target.to(torch::kInt64).masked_fill(valid.logical_not(), 0);
  return -torch::log_softmax(logits, 1).gather(1, known.unsqueeze(1)).squeeze(1);
}

}  // namespace

torch::Tensor cross_entropy_loss(const torch::Tensor& logits, const torch::Tensor& target,
                                 const CrossEntropyLossOptions& options) {
  check_shapes(logits, target);
  const auto valid = target != kIgnoreLabel;
  const auto sum = (of_each_pixel(logits, target, valid) * valid).sum();
  return options.reduction == PixelReduction::sum ? sum : sum / valid.sum().clamp_min(1);
}

}  // namespace groundglass
