#include "groundglass/losses/distillation_loss.h"

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {

torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& teacher,
                                const torch::Tensor& target) {
  check_shapes(logits, target);
  check_shapes(teacher, target);
  if (teacher.size(1) != logits.size(1)) {
    fail(ErrorKind::usage, "distillation_loss: the teacher answers with " +
                               std::to_string(teacher.size(1)) + " channels, the network with " +
                               std::to_string(logits.size(1)));
  }
  const auto valid = target != kIgnoreLabel;
  const auto known = teacher.detach();
  const auto each = logits.size(1) == 1
                        ? torch::binary_cross_entropy_with_logits(
                              logits.select(1, 0), torch::sigmoid(known.select(1, 0)), {}, {},
                              at::Reduction::None)
                        : -(torch::softmax(known, 1) * torch::log_softmax(logits, 1)).sum(1);
  return over_ranks((each * valid).sum()) / over_ranks(valid.sum()).clamp_min(1);
}

}  // namespace groundglass
