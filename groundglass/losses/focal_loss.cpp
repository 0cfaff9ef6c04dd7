#include "groundglass/losses/focal_loss.h"

#include <limits>

#include "groundglass/core/task.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/losses/foreground.h"

namespace groundglass {
namespace {

/// log q and log(1 - q) of the true class of each pixel, both [N,H,W].
struct TrueClass {
  torch::Tensor log_q, log_rest;
};

TrueClass true_class(const torch::Tensor& logits, const torch::Tensor& label) {
  if (logits.size(1) == 1) {
    const auto x = logits.select(1, 0);
    const auto towards_truth = torch::where(label == 1, x, -x);
    return {torch::log_sigmoid(towards_truth), torch::log_sigmoid(-towards_truth)};
  }
  const auto log_p = torch::log_softmax(logits, 1);
  const auto classes =
      torch::arange(logits.size(1), label.options()).view({1, -1, 1, 1});  // [1,K,1,1]
  const auto is_true = label.unsqueeze(1) == classes;
  const auto others = log_p.masked_fill(is_true, -std::numeric_limits<float>::infinity());
  return {log_p.gather(1, label.unsqueeze(1)).squeeze(1), others.logsumexp(1)};
}

}  // namespace

torch::Tensor focal_loss(const torch::Tensor& logits, const torch::Tensor& target,
                         const FocalLossOptions& options) {
  check_shapes(logits, target);
  const auto valid = target != kIgnoreLabel;
  const auto label = target.to(torch::kInt64).masked_fill(valid.logical_not(), 0);
  const auto [log_q, log_rest] = true_class(logits, label);
  const auto is_foreground = (label > 0).to(log_q.scalar_type());
  const auto weight = (1 - options.alpha) + (2 * options.alpha - 1) * is_foreground;
  // (1 - q)^gamma through its logarithm: its slope stays finite at q = 1 for any gamma.
  const auto each = -weight * torch::exp(options.gamma * log_rest) * log_q;
  return over_ranks((each * valid).sum()) / over_ranks(valid.sum()).clamp_min(1);
}

}  // namespace groundglass
