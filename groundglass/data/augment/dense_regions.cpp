#include "groundglass/data/augment/dense_regions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace groundglass {
namespace {

constexpr uint8_t kIgnored = 255;

bool is_marked(uint8_t label) {
  return label != 0 && label != kIgnored;
}

struct Grays {
  double dark = 0, tissue = 255;
};

/// Darkest percent of all pixels, and the median of the brighter ones among those not marked.
Grays grays_of(int64_t pixels, const uint8_t* mask, const uint8_t* gray) {
  std::array<int64_t, 256> all{}, outside{};
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < pixels; ++i) {
    ++all[gray[i]];
    if (mask[i] != 0) continue;
    ++outside[gray[i]];
    sum += gray[i];
    ++count;
  }
  Grays grays;
  int64_t below = 0;
  size_t v = 0;
  while (v < 255 && (below += all[v]) * 100 < pixels) ++v;
  grays.dark = static_cast<double>(v);
  if (count == 0) return grays;
  const auto first = static_cast<size_t>(sum / static_cast<double>(count));
  int64_t bright = 0;
  for (size_t i = first; i < 256; ++i) bright += outside[i];
  below = 0;
  for (v = first; v < 255 && 2 * (below += outside[v]) < bright;) ++v;
  grays.tissue = static_cast<double>(v);
  return grays;
}

/// How much of a region covers a place relative to its centre, 0 to 1, in units of its radius.
double cover(const DenseRegion& region, double x, double y) {
  const double c = std::cos(region.angle_rad), s = std::sin(region.angle_rad);
  const double u = (c * x + s * y) * region.aspect, v = (-s * x + c * y) / region.aspect;
  const double angle = std::atan2(v, u);
  double edge = 1;
  for (int wave = 0; wave < 3; ++wave) {
    edge += 0.18 / (1 + wave) * std::cos((2 + wave) * angle + region.lobes[wave]);
  }
  return std::clamp((edge - std::hypot(u, v)) / 0.3 + 0.5, 0.0, 1.0);
}

}  // namespace

std::vector<DenseRegion> draw_dense_regions(double largest, Rng& rng) {
  std::vector<DenseRegion> regions(static_cast<size_t>(1 + rng.below(4)));
  for (auto& r : regions) {
    r.place = rng.uniform();
    r.radius = rng.uniform(0.1, 1) * largest;
    r.aspect = std::exp(rng.uniform(-0.5, 0.5));
    r.angle_rad = rng.uniform(0, std::numbers::pi);
    for (auto& phase : r.lobes) phase = rng.uniform(0, 2 * std::numbers::pi);
    r.level = rng.chance(0.15);
    r.gray = rng.chance(0.1) ? 0 : rng.uniform(0.3, 1.05);
    r.opacity = rng.uniform(0.6, 1);
  }
  return regions;
}

void paint_dense_regions(const std::vector<DenseRegion>& regions, int64_t height, int64_t width,
                         const uint8_t* mask, uint8_t* gray) {
  std::vector<int64_t> marked;
  for (int64_t i = 0; i < height * width; ++i) {
    if (is_marked(mask[i])) marked.push_back(i);
  }
  if (marked.empty() || regions.empty()) return;
  const Grays grays = grays_of(height * width, mask, gray);
  const auto side = static_cast<double>(std::max(height, width));
  for (const auto& region : regions) {
    const auto index = static_cast<size_t>(region.place * static_cast<double>(marked.size()));
    const int64_t centre = marked[std::min(index, marked.size() - 1)];
    const double ink = grays.dark + region.gray * (grays.tissue - grays.dark);
    for (const int64_t i : marked) {
      const auto dy = static_cast<double>(i / width - centre / width);
      const auto dx = static_cast<double>(i % width - centre % width);
      const double share =
          region.level ? (mask[i] == mask[centre] && dy >= 0 ? 1.0 : 0.0)
                       : cover(region, dx / (region.radius * side), dy / (region.radius * side));
      const double opacity = share * region.opacity;
      const double value = (1 - opacity) * gray[i] + opacity * ink;
      gray[i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
    }
  }
}

}  // namespace groundglass
