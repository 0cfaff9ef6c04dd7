#include "groundglass/core/task.h"

#include <cmath>
#include <limits>
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

torch::Tensor class_logits(const torch::Tensor& logits) {
  if (logits.size(1) > 1) return logits;
  return torch::cat({torch::zeros_like(logits), logits}, 1);
}

torch::Tensor class_probabilities(const torch::Tensor& logits) {
  if (logits.size(1) > 1) return torch::softmax(logits, 1);
  return torch::cat({torch::sigmoid(-logits), torch::sigmoid(logits)}, 1);
}

torch::Tensor at_temperature(const torch::Tensor& all_classes, double temperature) {
  const auto powers = all_classes.pow(1 / temperature);
  return powers / powers.sum(1, true).clamp_min(std::numeric_limits<float>::min());
}

double at_temperature(double probability, double temperature) {
  const double foreground = std::pow(probability, 1 / temperature);
  return foreground / (foreground + std::pow(1 - probability, 1 / temperature));
}

int64_t foreground_classes(int64_t channels) {
  return channels > 1 ? channels - 1 : 1;
}

std::string class_name(const std::vector<std::string>& names, int64_t label) {
  const bool named = label >= 1 && label <= static_cast<int64_t>(names.size());
  return named ? names[static_cast<size_t>(label - 1)] : "class " + std::to_string(label);
}

std::vector<std::string> class_names(const std::vector<std::string>& names, int64_t classes) {
  std::vector<std::string> all;
  for (int64_t label = 1; label <= classes; ++label) all.push_back(class_name(names, label));
  return all;
}

}  // namespace groundglass
