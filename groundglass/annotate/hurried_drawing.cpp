#include "groundglass/annotate/hurried_drawing.h"

#include <cmath>
#include <numbers>

namespace groundglass {
namespace {

/// The map moved by whole pixels; what comes in from outside is background.
torch::Tensor moved(const torch::Tensor& labels, int64_t down, int64_t right) {
  const int64_t height = labels.size(0), width = labels.size(1);
  auto out = torch::zeros_like(labels);
  const int64_t h = height - std::abs(down), w = width - std::abs(right);
  if (h <= 0 || w <= 0) return out;
  const auto from =
      labels.narrow(0, std::max<int64_t>(0, -down), h).narrow(1, std::max<int64_t>(0, -right), w);
  out.narrow(0, std::max<int64_t>(0, down), h)
      .narrow(1, std::max<int64_t>(0, right), w)
      .copy_(from);
  return out;
}

/// The greatest label within `radius` pixels (a square).
torch::Tensor greatest_near(const torch::Tensor& labels, int64_t radius) {
  const auto in = labels.to(torch::kFloat32).unsqueeze(0).unsqueeze(0);
  const int64_t side = 2 * radius + 1;
  return torch::max_pool2d(in, {side, side}, {1, 1}, {radius, radius})
      .squeeze(0)
      .squeeze(0)
      .to(torch::kUInt8);
}

}  // namespace

torch::Tensor hurried_drawing(const torch::Tensor& labels, double slip, Rng& rng) {
  const double reach = slip * static_cast<double>(std::max(labels.size(0), labels.size(1)));
  const double distance = rng.uniform(0, reach), angle = rng.uniform(0, 2 * std::numbers::pi);
  const auto outlines = std::llround(rng.uniform(-reach / 2, reach / 2));
  const auto slipped = moved(labels, std::llround(distance * std::sin(angle)),
                             std::llround(distance * std::cos(angle)));
  if (outlines == 0) return slipped;
  if (outlines > 0) return greatest_near(slipped, outlines);
  const auto background = (slipped == 0).to(torch::kUInt8);
  return slipped * (greatest_near(background, -outlines) == 0).to(torch::kUInt8);
}

}  // namespace groundglass
