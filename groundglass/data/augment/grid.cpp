#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "groundglass/data/augment/warp.h"

namespace groundglass {
namespace {

/// A map of the plane, x' = a x + b y + c, y' = d x + e y + f.
struct PlaneMap {
  double a = 1, b = 0, c = 0, d = 0, e = 1, f = 0;

  void apply(Grid& grid) const {
    for (size_t i = 0; i < grid.x.size(); ++i) {
      const double x = grid.x[i], y = grid.y[i];
      grid.x[i] = static_cast<float>(a * x + b * y + c);
      grid.y[i] = static_cast<float>(d * x + e * y + f);
    }
  }
  PlaneMap inverse() const {
    const double det = a * e - b * d;
    return {e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det};
  }
};

/// The map that takes three points to three others.
PlaneMap map_of_three_points(const std::array<double, 6>& from, const std::array<double, 6>& to) {
  const double ux = from[2] - from[0], uy = from[3] - from[1];
  const double vx = from[4] - from[0], vy = from[5] - from[1];
  const double det = ux * vy - uy * vx;
  const auto row = [&](size_t k, double& a, double& b, double& c) {
    const double p = to[2 + k] - to[k], q = to[4 + k] - to[k];
    a = (p * vy - q * uy) / det;
    b = (q * ux - p * vx) / det;
    c = to[k] - a * from[0] - b * from[1];
  };
  PlaneMap m;
  row(0, m.a, m.b, m.c);
  row(1, m.d, m.e, m.f);
  return m;
}

int64_t reflected(int64_t i, int64_t n) {
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1);
  i = std::abs(i) % period;
  return i < n ? i : period - i;
}

/// Uniform noise in (-1,1) blurred by a Gaussian cut at four sigma, mirrored at the border.
std::vector<float> blurred_noise(int64_t height, int64_t width, double sigma, uint64_t key) {
  Rng rng(key);
  std::vector<float> noise(static_cast<size_t>(height * width));
  for (auto& v : noise) v = static_cast<float>(rng.uniform(-1, 1));
  const auto radius = static_cast<int64_t>(std::ceil(4 * sigma));
  std::vector<float> kernel;
  double total = 0;
  for (int64_t i = -radius; i <= radius; ++i) {
    kernel.push_back(
        static_cast<float>(std::exp(-0.5 * static_cast<double>(i * i) / sigma / sigma)));
    total += kernel.back();
  }
  for (auto& k : kernel) k = static_cast<float>(k / total);

  std::vector<float> rows(noise.size(), 0), out(noise.size(), 0), padded;
  for (int64_t y = 0; y < height; ++y) {  // along x, from a mirrored copy of the row
    padded.resize(static_cast<size_t>(width + 2 * radius));
    for (int64_t x = -radius; x < width + radius; ++x) {
      padded[static_cast<size_t>(x + radius)] =
          noise[static_cast<size_t>(y * width + reflected(x, width))];
    }
    float* to = rows.data() + y * width;
    for (int64_t k = 0; k <= 2 * radius; ++k) {
      const float weight = kernel[static_cast<size_t>(k)];
      const float* from = padded.data() + k;
      for (int64_t x = 0; x < width; ++x) to[x] += weight * from[x];
    }
  }
  for (int64_t y = 0; y < height; ++y) {  // along y, whole rows at a time
    float* to = out.data() + y * width;
    for (int64_t k = -radius; k <= radius; ++k) {
      const float weight = kernel[static_cast<size_t>(k + radius)];
      const float* from = rows.data() + reflected(y + k, height) * width;
      for (int64_t x = 0; x < width; ++x) to[x] += weight * from[x];
    }
  }
  return out;
}

/// Input place of each output place 0..side-1 along one axis of a grid distortion.
std::vector<float> distorted_axis(int64_t side, const std::vector<double>& factors) {
  const auto steps = static_cast<int64_t>(factors.size()) - 1;
  const int64_t cell = std::max<int64_t>(side / steps, 1);
  std::vector<float> place(static_cast<size_t>(side));
  double begin_at = 0;
  for (int64_t begin = 0; begin < side; begin += cell) {
    const auto index = std::min<size_t>(static_cast<size_t>(begin / cell), factors.size() - 1);
    const int64_t end = std::min(begin + cell, side);
    const double end_at = begin + cell > side
                              ? static_cast<double>(side)
                              : begin_at + static_cast<double>(cell) * factors[index];
    for (int64_t i = begin; i < end; ++i) {
      const double share = static_cast<double>(i - begin) / static_cast<double>(end - begin);
      place[static_cast<size_t>(i)] = static_cast<float>(begin_at + share * (end_at - begin_at));
    }
    begin_at = end_at;
  }
  return place;
}

/// A value of a table at a place between its entries; linear, with slope one beyond the ends.
float at_place(const std::vector<float>& table, float place) {
  const float last = static_cast<float>(table.size() - 1);
  const float p = std::clamp(place, 0.0F, last);
  const auto below = static_cast<size_t>(p);
  const size_t above = std::min(below + 1, table.size() - 1);
  const float inside =
      table[below] + (p - static_cast<float>(below)) * (table[above] - table[below]);
  return inside + (place - p);
}

}  // namespace

Grid identity_grid(int64_t height, int64_t width) {
  Grid grid{height, width, {}, {}};
  grid.x.reserve(static_cast<size_t>(height * width));
  grid.y.reserve(static_cast<size_t>(height * width));
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      grid.x.push_back(static_cast<float>(x));
      grid.y.push_back(static_cast<float>(y));
    }
  }
  return grid;
}

void flip(Grid& grid) {
  const auto right = static_cast<float>(grid.width - 1);
  for (auto& x : grid.x) x = right - x;
}

void flip_vertical(Grid& grid) {
  const auto bottom = static_cast<float>(grid.height - 1);
  for (auto& y : grid.y) y = bottom - y;
}

void shear(Grid& grid, double angle_deg) {
  const auto slope = static_cast<float>(std::tan(angle_deg * std::numbers::pi / 180));
  const auto middle = static_cast<float>(grid.height - 1) / 2;
  for (size_t i = 0; i < grid.x.size(); ++i) grid.x[i] += slope * (grid.y[i] - middle);
}

void affine(Grid& grid, double angle_deg, double scale, double shift_x, double shift_y) {
  const double w = static_cast<double>(grid.width), h = static_cast<double>(grid.height);
  const double cx = w / 2 - 0.5, cy = h / 2 - 0.5;
  const double angle = angle_deg * std::numbers::pi / 180;
  const double alpha = scale * std::cos(angle), beta = scale * std::sin(angle);
  const PlaneMap forward = {alpha, beta,  (1 - alpha) * cx - beta * cy + shift_x * w,
                            -beta, alpha, beta * cx + (1 - alpha) * cy + shift_y * h};
  forward.inverse().apply(grid);
}

void elastic(Grid& grid, const Augmentation& a) {
  const int64_t h = grid.height, w = grid.width;
  const auto dx = blurred_noise(h, w, a.elastic_sigma, mix_keys(a.elastic_key, 1));
  const auto dy = blurred_noise(h, w, a.elastic_sigma, mix_keys(a.elastic_key, 2));
  for (size_t i = 0; i < grid.x.size(); ++i) {
    grid.x[i] += static_cast<float>(a.elastic_alpha) * dx[i];
    grid.y[i] += static_cast<float>(a.elastic_alpha) * dy[i];
  }
  if (a.elastic_corners_px.empty()) return;
  const double cx = static_cast<double>(w / 2), cy = static_cast<double>(h / 2);
  const double third = static_cast<double>(std::min(h, w) / 3);
  const std::array<double, 6> from = {cx + third, cy + third, cx + third,
                                      cy - third, cx - third, cy - third};
  std::array<double, 6> to = from;
  for (size_t i = 0; i < 6; ++i) to[i] += a.elastic_corners_px[i];
  map_of_three_points(from, to).inverse().apply(grid);
}

void grid_distortion(Grid& grid, const std::vector<double>& x, const std::vector<double>& y) {
  const auto along_x = distorted_axis(grid.width, x), along_y = distorted_axis(grid.height, y);
  for (size_t i = 0; i < grid.x.size(); ++i) {
    grid.x[i] = at_place(along_x, grid.x[i]);
    grid.y[i] = at_place(along_y, grid.y[i]);
  }
}

void optical(Grid& grid, double k) {
  const double w = static_cast<double>(grid.width), h = static_cast<double>(grid.height);
  for (size_t i = 0; i < grid.x.size(); ++i) {
    const double x = (grid.x[i] - w / 2) / w, y = (grid.y[i] - h / 2) / h;
    const double r2 = x * x + y * y;
    const double stretch = 1 + k * r2 + k * r2 * r2;
    grid.x[i] = static_cast<float>(x * stretch * w + w / 2);
    grid.y[i] = static_cast<float>(y * stretch * h + h / 2);
  }
}

Grid sampling_grid(const Augmentation& a, int64_t height, int64_t width) {
  Grid grid = identity_grid(height, width);
  switch (a.warp) {
    case WarpKind::elastic:
      elastic(grid, a);
      break;
    case WarpKind::grid:
      grid_distortion(grid, a.grid_x, a.grid_y);
      break;
    case WarpKind::optical:
      optical(grid, a.optical_k);
      break;
    case WarpKind::none:
      break;
  }
  affine(grid, a.angle_deg, a.scale, a.shift_x, a.shift_y);
  if (a.shear_deg != 0) shear(grid, a.shear_deg);
  if (a.flip) flip(grid);
  if (a.flip_vertical) flip_vertical(grid);
  return grid;
}

}  // namespace groundglass
