#include "groundglass/losses/entropy_loss.h"

#include "groundglass/core/task.h"
#include "groundglass/distributed/global_batch.h"

namespace groundglass {
namespace {

/// [N,H,W], in nats, without the logarithm of a rounded zero.
torch::Tensor entropy_of_each_pixel(const torch::Tensor& logits) {
  if (logits.size(1) == 1) {
    const auto x = logits.select(1, 0);
    return torch::softplus(x) - x * torch::sigmoid(x);
  }
  const auto log_p = torch::log_softmax(logits, 1);
  return -(log_p.exp() * log_p).sum(1);
}

}  // namespace

torch::Tensor entropy_loss(const torch::Tensor& logits, const torch::Tensor& target,
                           const EntropyLossOptions& options) {
  check_shapes(logits, target);
  const auto entropy = entropy_of_each_pixel(logits);
  if (options.pixels == EntropyPixels::all) return mean_over_images(entropy);
  const auto counts = target == kIgnoreLabel;
  return over_ranks((entropy * counts).sum()) / over_ranks(counts.sum()).clamp_min(1);
}

}  // namespace groundglass
