#include "groundglass/losses/foreground.h"

#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/distributed/global_batch.h"

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

namespace {

/// Probabilities [N,F,H,W] beside the one-hot truth of as many classes, `first` being the first.
Foreground with_truth(const torch::Tensor& probability, const torch::Tensor& target,
                      int64_t first) {
  const auto p = probability.flatten(2);              // [N,F,H*W]
  const auto label = target.flatten(1).unsqueeze(1);  // [N,1,H*W]
  const auto classes = torch::arange(first, first + p.size(1), label.options()).view({1, -1, 1});
  const auto valid = (label != kIgnoreLabel).to(p.scalar_type());
  return {p * valid, (label == classes).to(p.scalar_type())};
}

}  // namespace

Foreground foreground(const torch::Tensor& logits, const torch::Tensor& target) {
  check_shapes(logits, target);
  return with_truth(probabilities(logits), target, 1);
}

Foreground every_class(const torch::Tensor& logits, const torch::Tensor& target) {
  check_shapes(logits, target);
  // sigmoid(-x) and not 1 - sigmoid(x), which is 0 in float32 from x = 17 on.
  return with_truth(logits.size(1) == 1 ? torch::sigmoid(torch::cat({-logits, logits}, 1))
                                        : torch::softmax(logits, 1),
                    target, 0);
}

torch::Tensor summed(const torch::Tensor& each, Reduction reduction) {
  return reduction == Reduction::batch ? over_ranks(each.sum(torch::IntArrayRef{0, 2}))
                                       : each.sum(2);
}

SoftConfusion soft_confusion(const torch::Tensor& logits, const torch::Tensor& target,
                             Reduction reduction, Classes classes) {
  const auto [p, t] =
      classes == Classes::all ? every_class(logits, target) : foreground(logits, target);
  const auto tp = summed(p * t, reduction);
  return {tp, summed(p, reduction) - tp, summed(t, reduction) - tp};
}

torch::Tensor mean_over_images(const torch::Tensor& each) {
  if (GlobalBatch::current() == nullptr) return each.mean();
  int64_t numbers = 1;  // of an image; a rank may hold none
  for (int64_t d = 1; d < each.dim(); ++d) numbers *= each.size(d);
  return over_ranks(each.sum()) / static_cast<double>(images_in_batch(each.size(0)) * numbers);
}

torch::Tensor over_classes(const torch::Tensor& each, Classes classes) {
  if (each.dim() == 1) return classes == Classes::all ? each.sum(-1).mean() : each.mean();
  return mean_over_images(classes == Classes::all ? each.sum(-1) : each);
}

}  // namespace groundglass
