#pragma once

#include <torch/types.h>

namespace groundglass {

/// Value of a mask pixel that no loss and no metric looks at.
constexpr int64_t kIgnoreLabel = 255;

/// Logits -> probabilities of the foreground classes: the only place that knows the convention
/// "K = 1 is a sigmoid, K >= 2 a softmax whose class 0 is the background".
///
/// logits  [N,K,H,W] float.
/// returns [N,F,H,W] in [0,1]; F = 1 for K = 1, else K - 1.
/// throws  Error(usage) if logits has not four axes.
torch::Tensor probabilities(const torch::Tensor& logits);

/// Foreground probabilities -> label map.
///
/// foreground [N,F,H,W]. F = 1: label 1 where p >= threshold. F > 1: the best class, or 0 where the
/// background (1 - sum) beats it; `threshold` is then unused.
/// returns [N,H,W] uint8.
torch::Tensor labels(const torch::Tensor& foreground, double threshold);

}  // namespace groundglass
