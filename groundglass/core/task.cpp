#include "groundglass/core/task.h"

#include <sstream>

#include "groundglass/core/error.h"

namespace groundglass {

torch::Tensor probabilities(const torch::Tensor& logits) {
  if (logits.dim() != 4) {
    std::ostringstream text;
    text << "logits are " << logits.sizes() << ", expected [N,K,H,W]";
    fail(ErrorKind::usage, text.str());
  }
  if (logits.size(1) == 1) return torch::sigmoid(logits);
  return torch::softmax(logits, 1).narrow(1, 1, logits.size(1) - 1);
}

torch::Tensor labels(const torch::Tensor& foreground, double threshold) {
  if (foreground.size(1) == 1) {
    return (foreground.select(1, 0) >= threshold).to(torch::kUInt8);
  }
  const auto background = 1 - foreground.sum(1, true);
  return torch::cat({background, foreground}, 1).argmax(1).to(torch::kUInt8);
}

}  // namespace groundglass
