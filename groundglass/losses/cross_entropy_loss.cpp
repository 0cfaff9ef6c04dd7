#include "groundglass/losses/cross_entropy_loss.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {
namespace {

/// [N,H,W], in nats; what stands at ignored pixels means nothing.
torch::Tensor cross_entropy_of_each_pixel(const torch::Tensor& logits, const torch::Tensor& target,
                                          const torch::Tensor& valid) {
  if (logits.size(1) == 1) {
    const auto x = logits.select(1, 0);
    const auto t = target.to(x.scalar_type());
    return torch::binary_cross_entropy_with_logits(x, t, {}, {}, at::Reduction::None);
  }
  const auto known = target.to(torch::kInt64).masked_fill(valid.logical_not(), 0);
  return -torch::log_softmax(logits, 1).gather(1, known.unsqueeze(1)).squeeze(1);
}

/// The weight of each pixel, [N,H,W], 0 where it is ignored.
torch::Tensor pixel_weights(const torch::Tensor& logits, const torch::Tensor& target,
                            const torch::Tensor& valid, const std::vector<double>& weights) {
  const auto classes = std::max<int64_t>(2, logits.size(1));
  const bool positive =
      std::all_of(weights.begin(), weights.end(), [](double w) { return w >= 0; }) &&
      std::any_of(weights.begin(), weights.end(), [](double w) { return w > 0; });
  if (static_cast<int64_t>(weights.size()) != classes || !positive) {
    fail(ErrorKind::recipe, "cross_entropy: class_weights holds " + std::to_string(weights.size()) +
                                " numbers, expected " + std::to_string(classes) +
                                ", one for the background and each class, none below 0 and not "
                                "all 0");
  }
  const auto table = torch::tensor(weights, torch::kFloat64).to(logits.options());
  const auto known = target.to(torch::kInt64).masked_fill(valid.logical_not(), 0);
  return table.index_select(0, known.flatten()).view_as(target) * valid;
}

}  // namespace

torch::Tensor cross_entropy_loss(const torch::Tensor& logits, const torch::Tensor& target,
                                 const CrossEntropyLossOptions& options) {
  check_shapes(logits, target);
  const auto valid = target != kIgnoreLabel;
  if (!options.class_weights.empty()) {
    const auto w = pixel_weights(logits, target, valid, options.class_weights);
    const auto weighted =
        over_ranks((cross_entropy_of_each_pixel(logits, target, valid) * w).sum());
    return options.reduction == PixelReduction::sum
               ? weighted
               : weighted / over_ranks(w.sum()).clamp_min(1e-12);
  }
  const auto sum = over_ranks((cross_entropy_of_each_pixel(logits, target, valid) * valid).sum());
  return options.reduction == PixelReduction::sum ? sum
                                                  : sum / over_ranks(valid.sum()).clamp_min(1);
}

}  // namespace groundglass
