#pragma once

#include <string>
#include <vector>

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

/// Logits with the background's among them: a sigmoid of z is a softmax over (0, z).
///
/// logits  [N,K,H,W] float.
/// returns [N,max(K,2),H,W]; the logits themselves for K >= 2.
torch::Tensor class_logits(const torch::Tensor& logits);

/// Probabilities of all classes, the background first. Its own number keeps the digits that
/// 1 - sum loses where the foreground is nearly certain.
///
/// logits  [N,K,H,W] float.
/// returns [N,max(K,2),H,W] in [0,1]; without the background they equal probabilities(logits).
torch::Tensor class_probabilities(const torch::Tensor& logits);

/// What the probabilities of logits z are for z / T: proportional to p^(1/T). T > 1 is less
/// certain, T < 1 more; the order of the classes stays.
///
/// all_classes [N,K',H,W] in [0,1], the background first. Where all are 0 (outside a crop) they
///             stay 0.
torch::Tensor at_temperature(const torch::Tensor& all_classes, double temperature);

/// The same for one number: where a threshold of probabilities comes to lie.
double at_temperature(double probability, double temperature);

/// Foreground classes of logits with `channels` channels: 1 for a sigmoid, else K - 1.
int64_t foreground_classes(int64_t channels);

/// What people call a foreground class: its name where `names` (of classes 1, 2, ..) has one, else
/// "class 2".
std::string class_name(const std::vector<std::string>& names, int64_t label);

/// The names of all foreground classes, as class_name() says them.
std::vector<std::string> class_names(const std::vector<std::string>& names, int64_t classes);

}  // namespace groundglass
