#include "groundglass/core/task.h"

#include <cmath>
#include <limits>
#include <sstream>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

/// The class with the highest probability, the lower one of equal ones; NaN counts as the highest.
/// LibTorch's argmax across planes takes 30 ms for three of 512 x 512, this 1 ms.
///
/// all  [N,C,H,W] float32, C at most 256.
torch::Tensor most_probable(const torch::Tensor& all) {
  const auto contiguous = all.contiguous();
  const int64_t classes = all.size(1), pixels = all.size(2) * all.size(3);
  auto out = torch::zeros({all.size(0), all.size(2), all.size(3)}, torch::kUInt8);
  for (int64_t n = 0; n < all.size(0); ++n) {
    const float* first = contiguous.data_ptr<float>() + n * classes * pixels;
    uint8_t* label = out.data_ptr<uint8_t>() + n * pixels;
    std::vector<float> highest(first, first + pixels);
    for (int64_t c = 1; c < classes; ++c) {
      const float* p = first + c * pixels;
      for (int64_t at = 0; at < pixels; ++at) {
        float& best = highest[static_cast<size_t>(at)];
        const bool higher = p[at] > best || (std::isnan(p[at]) && !std::isnan(best));
        best = higher ? p[at] : best;
        label[at] = higher ? static_cast<uint8_t>(c) : label[at];
      }
    }
  }
  return out;
}

}  // namespace

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
  const auto all = torch::cat({background, foreground}, 1);
  const bool plain = all.is_cpu() && all.scalar_type() == torch::kFloat32 && all.size(1) <= 256;
  return plain ? most_probable(all) : all.argmax(1).to(torch::kUInt8);
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
