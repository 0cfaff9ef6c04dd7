#include "groundglass/losses/foreground.h"

#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"

namespace groundglass {

void check_shapes(const torch::Tensor& logits, const torch::Tensor& target) {
  const bool agree = logits.dim() == 4 && target.dim() == 3 && logits.size(0) == target.size(0) &&
                     logits.size(2) == target.size(1) && logits.size(3) == target.size(2);
  if (agree) return;
  std::ostringstream text;
  text << "logits are " << logits.sizes() << " and target is " << target.sizes()
       << ", expected [N,K,H,W] and [N,H,W]";
  fail(ErrorKind::usage, text.str());
}

Foreground foreground(const torch::Tensor& logits, const torch::Tensor& target) {
  check_shapes(logits, target);
  const auto p = probabilities(logits).flatten(2);    // [N,F,H*W]
  const auto label = target.flatten(1).unsqueeze(1);  // [N,1,H*W]
  const auto classes =
      torch::arange(1, p.size(1) + 1, label.options()).view({1, -1, 1});  // F = 1: class 1
  const auto valid = (label != kIgnoreLabel).to(p.scalar_type());
  return {p * valid, (label == classes).to(p.scalar_type())};
}

SoftConfusion soft_confusion(const torch::Tensor& logits, const torch::Tensor& target,
                             Reduction reduction) {
  const auto [p, t] = foreground(logits, target);
  const auto sum = [&](const torch::Tensor& x) {
    return reduction == Reduction::batch ? x.sum(torch::IntArrayRef{0, 2}) : x.sum(2);
  };
  const auto tp = sum(p * t);
  return {tp, sum(p) - tp, sum(t) - tp};
}

}  // namespace groundglass
