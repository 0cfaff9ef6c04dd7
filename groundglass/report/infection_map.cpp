#include "groundglass/report/infection_map.h"

#include "groundglass/core/error.h"
#include "groundglass/io/image.h"
#include "groundglass/io/paint.h"

namespace groundglass {

torch::Tensor rgb_to_hsv(const torch::Tensor& rgb) {
  const auto r = rgb[0], g = rgb[1], b = rgb[2];
  const auto value = std::get<0>(rgb.max(0)), least = std::get<0>(rgb.min(0));
  const auto spread = value - least, safe = spread.clamp_min(1e-12);
  // The sector of the hue is that of the largest channel; red wins a tie, then green.
  const auto sector = torch::where(
      r == value, (g - b) / safe, torch::where(g == value, 2 + (b - r) / safe, 4 + (r - g) / safe));
  const auto hue =
      torch::where(spread > 0, torch::remainder(sector / 6, 1), torch::zeros_like(value));
  const auto saturation =
      torch::where(value > 0, spread / value.clamp_min(1e-12), torch::zeros_like(value));
  return torch::stack({hue, saturation, value});
}

torch::Tensor hsv_to_rgb(const torch::Tensor& hsv) {
  // Each channel falls and rises over the circle of hues, a third of it apart: f(n) = v - v s
  // max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6, n = 5, 3, 1.
  const auto channel = [&](double n) {
    const auto k = torch::remainder(n + hsv[0] * 6, 6);
    return hsv[2] * (1 - hsv[1] * torch::minimum(k, 4 - k).clamp(0, 1));
  };
  return torch::stack({channel(5), channel(3), channel(1)});
}

torch::Tensor infection_map(const torch::Tensor& gray, const torch::Tensor& probability) {
  if (gray.dim() != 2 || gray.sizes() != probability.sizes()) {
    fail(ErrorKind::usage, "infection map: the X-ray is " + shape_text(gray) +
                               " and the probabilities are " + shape_text(probability) +
                               ", expected one size [H,W]");
  }
  const auto colours = rgb_to_hsv(jet(probability).to(torch::kFloat64) / 255);
  const auto brightness = gray.to(torch::kFloat64) / 255;
  const auto mixed = hsv_to_rgb(torch::stack({colours[0], colours[1], brightness}));
  const auto painted = (mixed * 255).round().clamp(0, 255).to(torch::kUInt8);
  return torch::where(probability < 1.0 / 255, gray_to_rgb(gray), painted);
}

}  // namespace groundglass
