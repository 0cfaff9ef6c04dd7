#include "groundglass/data/augment/warp.h"

#include <algorithm>
#include <cmath>

namespace groundglass {
namespace {

/// A place on the line, mirrored into [0, n - 1].
float mirrored(float place, int64_t n) {
  const auto last = static_cast<float>(n - 1);
  if (place >= 0 && place <= last) return place;
  if (n == 1) return 0;
  const float period = 2 * last;
  place = std::fmod(std::abs(place), period);
  return place <= last ? place : period - place;
}

/// A place on the line, brought into [0, n - 1].
float inside(float place, int64_t n, AugmentBorder border) {
  if (border == AugmentBorder::mirror) return mirrored(place, n);
  return std::clamp(place, 0.0F, static_cast<float>(n - 1));
}

/// Four neighbours and their weights.
struct Linear {
  int64_t i00, i01, i10, i11;
  float fx, fy;
};

Linear linear_at(const Grid& grid, size_t i, AugmentBorder border) {
  const float x = inside(grid.x[i], grid.width, border);
  const float y = inside(grid.y[i], grid.height, border);
  const auto x0 = static_cast<int64_t>(x), y0 = static_cast<int64_t>(y);
  const int64_t x1 = std::min(x0 + 1, grid.width - 1), y1 = std::min(y0 + 1, grid.height - 1);
  return {y0 * grid.width + x0, y0 * grid.width + x1,       y1 * grid.width + x0,
          y1 * grid.width + x1, x - static_cast<float>(x0), y - static_cast<float>(y0)};
}

/// A gray [0,255] as another window shows it, then as the curve does.
float window_and_curve(const Augmentation& a, float gray) {
  double v = (gray / 255.0 - a.window_low) / (a.window_high - a.window_low);
  v = std::clamp(v, 0.0, 1.0);
  if (a.curve.empty()) return static_cast<float>(255 * v);
  const double place = v * static_cast<double>(a.curve.size() - 1);
  const auto below = std::min(static_cast<size_t>(place), a.curve.size() - 2);
  const double part = place - static_cast<double>(below);
  return static_cast<float>(255 * ((1 - part) * a.curve[below] + part * a.curve[below + 1]));
}

/// Values [0,255] after window, curve, gamma, contrast, brightness and noise, rounded into bytes.
void finish_gray(const Augmentation& a, std::vector<float> values, uint8_t* out) {
  if (a.window_low != 0 || a.window_high != 1 || !a.curve.empty()) {
    for (auto& v : values) v = window_and_curve(a, v);
  }
  double mean = 0;
  if (a.contrast != 1) {
    for (const float v : values) mean += v;
    mean /= static_cast<double>(values.size());
  }
  Rng rng(a.noise_key);
  for (size_t i = 0; i < values.size(); ++i) {
    double v = values[i];
    if (a.gamma != 1) v = 255 * std::pow(v / 255, a.gamma);
    if (a.contrast != 1) v = mean + a.contrast * (v - mean);
    v += 255 * a.brightness;
    if (a.noise > 0) v += 255 * a.noise * rng.normal();
    out[i] = static_cast<uint8_t>(std::lround(std::clamp(v, 0.0, 255.0)));
  }
}

/// Linear interpolation of one channel, as numbers.
std::vector<float> interpolated(const uint8_t* image, const Grid& grid, AugmentBorder border) {
  std::vector<float> values(grid.x.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const Linear l = linear_at(grid, i, border);
    const float top = image[l.i00] + l.fx * static_cast<float>(image[l.i01] - image[l.i00]);
    const float bottom = image[l.i10] + l.fx * static_cast<float>(image[l.i11] - image[l.i10]);
    values[i] = top + l.fy * (bottom - top);
  }
  return values;
}

Sample warp_and_finish(const Sample& sample, const Grid& grid, const Augmentation& gray) {
  const auto image = sample.image.contiguous(), mask = sample.mask.contiguous();
  Sample out{torch::empty({image.size(0), grid.height, grid.width}, torch::kUInt8),
             torch::empty({grid.height, grid.width}, torch::kUInt8)};
  for (int64_t c = 0; c < image.size(0); ++c) {
    const auto values = interpolated(image[c].data_ptr<uint8_t>(), grid, gray.border);
    finish_gray(gray, values, out.image[c].data_ptr<uint8_t>());
  }
  const uint8_t* from = mask.data_ptr<uint8_t>();
  uint8_t* to = out.mask.data_ptr<uint8_t>();
  for (size_t i = 0; i < grid.x.size(); ++i) {
    const auto x = std::lround(inside(grid.x[i], grid.width, gray.border));
    const auto y = std::lround(inside(grid.y[i], grid.height, gray.border));
    to[i] = from[y * grid.width + x];
  }
  return out;
}

}  // namespace

Sample warp(const Sample& sample, const Grid& grid, AugmentBorder border) {
  Augmentation unchanged;
  unchanged.border = border;
  return warp_and_finish(sample, grid, unchanged);
}

Sample apply(const Augmentation& a, const Sample& sample) {
  const int64_t height = sample.image.size(1), width = sample.image.size(2);
  const Grid grid = sampling_grid(a, height, width);
  if (a.dense.empty()) return warp_and_finish(sample, grid, a);
  const Sample painted{sample.image.contiguous().clone(), sample.mask.contiguous()};
  for (int64_t c = 0; c < painted.image.size(0); ++c) {
    auto channel = painted.image[c];
    paint_dense_regions(a.dense, height, width, painted.mask.data_ptr<uint8_t>(),
                        channel.data_ptr<uint8_t>());
  }
  return warp_and_finish(painted, grid, a);
}

}  // namespace groundglass
