#include "groundglass/io/paint.h"

#include <algorithm>
#include <array>

namespace groundglass {
namespace {

/// alpha [H,W] in [0,1]: share of the colour.
torch::Tensor blended(const torch::Tensor& rgb, const torch::Tensor& colour,
                      const torch::Tensor& alpha) {
  const auto base = rgb.to(torch::kFloat32), top = colour.to(torch::kFloat32);
  return (base + (top - base) * alpha).round().clamp(0, 255).to(torch::kUInt8);
}

/// Pixels of a mask that touch its outside.
torch::Tensor outline(const torch::Tensor& mask) {
  const auto m = mask.to(torch::kFloat32).unsqueeze(0).unsqueeze(0);
  const auto shrunk = -torch::max_pool2d(-m, {3, 3}, {1, 1}, {1, 1});
  return (m - shrunk).squeeze(0).squeeze(0);
}

}  // namespace

torch::Tensor jet(const torch::Tensor& values) {
  const auto v = values.to(torch::kFloat32).clamp(0, 1);
  const auto channel = [&](double centre) { return (1.5 - (4 * v - centre).abs()).clamp(0, 1); };
  return (torch::stack({channel(3), channel(2), channel(1)}) * 255).round().to(torch::kUInt8);
}

torch::Tensor gray_to_rgb(const torch::Tensor& gray) {
  return gray.to(torch::kUInt8).unsqueeze(0).repeat({3, 1, 1});
}

std::array<uint8_t, 3> class_colour(int64_t label) {
  constexpr std::array<std::array<uint8_t, 3>, 4> colours = {
      {{255, 40, 40}, {255, 220, 40}, {80, 140, 255}, {80, 220, 120}}};
  return colours[static_cast<size_t>(std::clamp<int64_t>(label, 1, 4) - 1)];
}

torch::Tensor overlay(const torch::Tensor& gray, const torch::Tensor& labels) {
  auto out = gray_to_rgb(gray);
  const auto top = labels.max().item<uint8_t>();
  for (int64_t label = 1; label <= top; ++label) {
    const auto mask = labels == label;
    const auto c = class_colour(label);
    const auto colour = torch::tensor({c[0], c[1], c[2]}, torch::kUInt8).view({3, 1, 1});
    out = blended(out, colour, torch::maximum(mask.to(torch::kFloat32) * 0.35, outline(mask)));
  }
  return out;
}

torch::Tensor heat_overlay(const torch::Tensor& gray, const torch::Tensor& heat) {
  return blended(gray_to_rgb(gray), jet(heat), torch::full_like(heat, 0.45, torch::kFloat32));
}

torch::Tensor montage(const std::vector<torch::Tensor>& pictures, int64_t columns, int64_t side) {
  const auto n = static_cast<int64_t>(pictures.size());
  const int64_t rows = std::max<int64_t>(1, (n + columns - 1) / columns);
  auto sheet = torch::zeros({3, rows * side, columns * side}, torch::kUInt8);
  for (int64_t i = 0; i < n; ++i) {
    const auto& p = pictures[static_cast<size_t>(i)];
    const double scale =
        static_cast<double>(side) / static_cast<double>(std::max(p.size(1), p.size(2)));
    const auto h =
        std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(p.size(1)) * scale));
    const auto w =
        std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(p.size(2)) * scale));
    const auto fitted =
        torch::upsample_bilinear2d(p.to(torch::kFloat32).unsqueeze(0), {h, w}, false)
            .squeeze(0)
            .round()
            .to(torch::kUInt8);
    const int64_t top = i / columns * side + (side - h) / 2,
                  left = i % columns * side + (side - w) / 2;
    sheet.narrow(1, top, h).narrow(2, left, w).copy_(fitted);
  }
  return sheet;
}

}  // namespace groundglass
