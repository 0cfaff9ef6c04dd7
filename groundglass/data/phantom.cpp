#include "groundglass/data/phantom.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "groundglass/core/rng.h"

namespace groundglass {
namespace {

using Point = std::array<double, 3>;

constexpr double kFieldMm = 360;   // side of the slice
constexpr double kHeightMm = 260;  // from the lowest slice to the highest
constexpr double kAir = -1000, kLung = -860, kFat = -95, kMuscle = 45, kBlood = 40, kBone = 420;

double square(double v) {
  return v * v;
}

/// 1 inside, 0 outside, linear over `edge` around distance 0 (negative distance is inside).
double inside(double distance, double edge) {
  return std::clamp(0.5 - distance / edge, 0.0, 1.0);
}

/// Smooth noise in [-1,1] with about one bump per unit: random values at whole places, blended.
double bumps(double x, double y, double z, uint64_t key) {
  const double fx = std::floor(x), fy = std::floor(y), fz = std::floor(z);
  const auto ease = [](double t) { return t * t * (3 - 2 * t); };
  const double u = ease(x - fx), v = ease(y - fy), w = ease(z - fz);
  double sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    const int i = corner & 1, j = corner >> 1 & 1, k = corner >> 2;
    const double weight = (i ? u : 1 - u) * (j ? v : 1 - v) * (k ? w : 1 - w);
    uint64_t h =
        key ^ (static_cast<uint64_t>(static_cast<int64_t>(fx) + i) * 0x9e3779b97f4a7c15ULL);
    h ^= static_cast<uint64_t>(static_cast<int64_t>(fy) + j) * 0xc2b2ae3d27d4eb4fULL;
    h ^= static_cast<uint64_t>(static_cast<int64_t>(fz) + k) * 0x165667b19e3779f9ULL;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9ULL;
    sum += weight * (static_cast<double>((h ^ (h >> 32)) & 0xffff) / 32767.5 - 1);
  }
  return sum;
}

/// Signed distance, roughly in mm, to an ellipse about (cx, cy).
double ellipse(double x, double y, double cx, double cy, double rx, double ry) {
  return (std::sqrt(square((x - cx) / rx) + square((y - cy) / ry)) - 1) * std::min(rx, ry);
}

double ellipsoid(const Point& p, const Point& centre, const Point& radius) {
  const double d =
      std::sqrt(square((p[0] - centre[0]) / radius[0]) + square((p[1] - centre[1]) / radius[1]) +
                square((p[2] - centre[2]) / radius[2]));
  return (d - 1) * std::min({radius[0], radius[1], radius[2]});
}

/// Half width of the lungs at a height, as a share of the largest: dome above, flat below.
double lung_profile(double z) {
  const double share = z / kHeightMm;
  return std::sqrt(std::max(0.0, 1 - square((share - 0.40) / 0.58)));
}

}  // namespace

Phantom::Phantom(const PhantomOptions& options) : options_(options) {
  Rng rng = rng_for(options.seed, 1, 0);
  size_ = rng.uniform(0.93, 1.05);
  grow_vessels();
  place_lesions();
}

Geometry Phantom::geometry() const {
  const double pixel = kFieldMm / static_cast<double>(options_.side);
  Geometry g;
  g.spacing_mm = {pixel, pixel, kHeightMm / static_cast<double>(options_.slices)};
  g.origin_mm = {-kFieldMm / 2 + pixel / 2, -kFieldMm / 2 + pixel / 2, height_of(0)};
  return g;
}

double Phantom::height_of(int64_t k) const {
  return (static_cast<double>(k) + 0.5) * kHeightMm / static_cast<double>(options_.slices);
}

bool Phantom::in_lung(double x, double y, double z) const {
  const double s = lung_profile(z) * size_;
  if (s <= 0.05) return false;
  const double side = x < 0 ? -1 : 1;  // -1 is the patient's right
  if (ellipse(x, y, side * 74, -2, 56 * s, 92 * s) > 0) return false;
  if (ellipse(x, y, 0, 5, 24, 60) < 0) return false;  // mediastinum
  const Point p = {x, y, z};
  if (ellipsoid(p, {22, -38, 85}, {58, 48, 62}) < 0) return false;                   // heart
  return ellipsoid(p, {side * 70, 0, side < 0 ? -18.0 : -38.0}, {72, 98, 78}) >= 0;  // diaphragm
}

void Phantom::grow_vessels() {
  for (const double side : {-1.0, 1.0}) {
    Rng rng = rng_for(options_.seed, 2, side < 0 ? 0 : 1);
    for (int i = 0; i < 14; ++i) {  // from the hilum outwards
      const double up = rng.uniform(-0.9, 0.9), back = rng.uniform(-0.8, 0.8);
      grow_branch({side * 26, 2, 125 + 12 * up}, {side, back, up}, 4.2, 0, rng.bits());
    }
  }
}

void Phantom::grow_branch(Point at, Point heading, double radius_mm, int depth, uint64_t key) {
  Rng rng(key);
  const double length_mm = rng.uniform(16, 30) * (depth == 0 ? 1.6 : 1);
  const double norm = std::sqrt(square(heading[0]) + square(heading[1]) + square(heading[2]));
  const double step = 0.6 * radius_mm;
  for (double gone = 0; gone < length_mm; gone += step) {
    for (size_t i = 0; i < 3; ++i) {
      heading[i] += rng.uniform(-0.05, 0.05) * norm;
      at[i] += step * heading[i] / norm;
    }
    vessels_.push_back({at, radius_mm * (1 - 0.25 * gone / length_mm)});
  }
  if (depth >= 5 || radius_mm < 0.9 || !in_lung(at[0], at[1], at[2])) return;
  for (int child = 0; child < 2; ++child) {
    Point turned = heading;
    for (auto& h : turned) h += rng.uniform(-0.7, 0.7) * norm;
    grow_branch(at, turned, radius_mm * rng.uniform(0.62, 0.8), depth + 1, rng.bits());
  }
}

void Phantom::place_lesions() {
  if (options_.max_lesions <= 0) return;
  Rng rng = rng_for(options_.seed, 3, 0);
  const int64_t wanted = 1 + rng.below(options_.max_lesions);
  for (int tries = 0; tries < 2000 && static_cast<int64_t>(lesions_.size()) < wanted; ++tries) {
    Lesion lesion;
    const double side = rng.chance(0.5) ? -1 : 1;
    const double angle = rng.uniform(-0.2, 0.5) * std::numbers::pi;  // mostly towards the back
    const double z = rng.uniform(0.15, 0.72) * kHeightMm;
    const double s = lung_profile(z) * size_ * rng.uniform(0.55, 0.95);
    lesion.centre_mm = {side * (74 + 50 * s * std::cos(angle)), -2 + 86 * s * std::sin(angle), z};
    if (!in_lung(lesion.centre_mm[0], lesion.centre_mm[1], z)) continue;
    for (auto& r : lesion.radius_mm) r = rng.uniform(12, 38);
    lesion.density = rng.uniform(0, 1);
    lesion.key = rng.bits();
    lesions_.push_back(lesion);
  }
}

double Phantom::lesion_strength(const Lesion& lesion, double x, double y, double z) const {
  double d2 = 0;
  const Point p = {x, y, z};
  for (size_t i = 0; i < 3; ++i) d2 += square((p[i] - lesion.centre_mm[i]) / lesion.radius_mm[i]);
  if (d2 > 2.5) return 0;
  const double ragged = 0.35 * bumps(x / 9, y / 9, z / 9, lesion.key) +
                        0.2 * bumps(x / 3.5, y / 3.5, z / 3.5, lesion.key + 1);
  return std::clamp((1 + ragged - std::sqrt(d2)) / 0.25, 0.0, 1.0);
}

double Phantom::tissue_hu(double x, double y, double z) const {
  const double body = ellipse(x, y, 0, 0, 165 * size_, 122 * size_);
  if (body > 0) {
    const double table = std::abs(std::hypot(x, y + 420) - 575);  // an arc under the back
    return table < 4 ? -300 : kAir;
  }
  const double windpipe = std::hypot(x, y + (z > 150 ? 12 : 5)) - 8;
  if (windpipe < 0 && z > 140) return kAir + 8;
  const Point p = {x, y, z};
  const double vertebra = std::hypot(x, y - 78 * size_);
  if (vertebra < 19) return vertebra > 15 ? kBone : 180;
  if (std::hypot(x, y - 100 * size_) < 9) return kBone - 60;
  const double around = std::atan2(y, x);
  const double cage = std::abs(ellipse(x, y, 0, 0, 143 * size_, 108 * size_));
  const bool rib = std::sin(z / 5.2 + 11 * std::abs(around)) > 0.3;
  if (cage < 5 && rib) return cage > 3 ? kBone : 250;
  if (std::abs(x) < 16 && std::abs(y + 106 * size_) < 6 && z > 70) return 300;  // sternum
  if (body > -16) return kFat + 6 * bumps(x / 20, y / 20, z / 20, 17);
  if (ellipsoid(p, {22, -38, 85}, {58, 48, 62}) < 0) return kBlood;
  if (std::hypot(x - 14, y - 42) < 12 && z < 190) return kBlood + 5;  // descending aorta
  if (std::abs(x) < 30 && bumps(x / 14, y / 14, z / 14, 23) > 0.35) return kFat;
  return kMuscle + 4 * bumps(x / 12, y / 12, z / 12, 29);
}

Phantom::Slice Phantom::slice(int64_t k) const {
  const int64_t n = options_.side;
  const double pixel = kFieldMm / static_cast<double>(n), z = height_of(k);
  Slice out{torch::empty({n, n}, torch::kInt16), torch::zeros({n, n}, torch::kUInt8),
            torch::zeros({n, n}, torch::kUInt8)};
  auto* lesions = out.lesions.data_ptr<uint8_t>();
  auto* lungs = out.lungs.data_ptr<uint8_t>();
  std::vector<double> hu(static_cast<size_t>(n * n));
  const auto place = [&](int64_t i) {
    return (static_cast<double>(i) + 0.5) * pixel - kFieldMm / 2;
  };

  for (int64_t row = 0; row < n; ++row) {
    for (int64_t column = 0; column < n; ++column) {
      const double x = place(column), y = place(row);
      const int64_t at = row * n + column;
      if (!in_lung(x, y, z)) {
        hu[static_cast<size_t>(at)] = tissue_hu(x, y, z);
        continue;
      }
      lungs[at] = 1;
      double value = kLung + 0.45 * (y + 90) + 18 * bumps(x / 4, y / 4, z / 4, 31);
      for (const auto& lesion : lesions_) {
        const double strength = lesion_strength(lesion, x, y, z);
        if (strength <= 0) continue;
        const double mottle = bumps(x / 2.5, y / 2.5, z / 2.5, lesion.key + 2);
        const bool solid = lesion.density + 0.5 * strength + 0.3 * mottle > 1.1;
        const double target = solid ? 15 + 25 * mottle : -560 + 330 * lesion.density + 70 * mottle;
        value = std::max(value, value + strength * (target - value));
        if (strength < 0.5) continue;
        lesions[at] = std::max<uint8_t>(lesions[at], solid ? 2 : 1);
      }
      hu[static_cast<size_t>(at)] = value;
    }
  }
  for (const auto& ball : vessels_) {
    const double dz = std::abs(ball.centre_mm[2] - z);
    if (dz >= ball.radius_mm + pixel) continue;
    const double r = std::sqrt(std::max(0.0, square(ball.radius_mm) - dz * dz)) + pixel;
    const auto index = [&](double mm) {
      return static_cast<int64_t>(std::floor((mm + kFieldMm / 2) / pixel));
    };
    for (int64_t row = std::max<int64_t>(0, index(ball.centre_mm[1] - r));
         row <= std::min(n - 1, index(ball.centre_mm[1] + r)); ++row) {
      for (int64_t column = std::max<int64_t>(0, index(ball.centre_mm[0] - r));
           column <= std::min(n - 1, index(ball.centre_mm[0] + r)); ++column) {
        const auto at = static_cast<size_t>(row * n + column);
        if (lungs[at] == 0) continue;
        const double distance = std::sqrt(square(place(column) - ball.centre_mm[0]) +
                                          square(place(row) - ball.centre_mm[1]) + dz * dz);
        const double share = inside(distance - ball.radius_mm, pixel);
        hu[at] = std::max(hu[at], hu[at] + share * (kBlood - hu[at]));
      }
    }
  }
  Rng rng = rng_for(options_.seed, 4, static_cast<uint64_t>(k));
  auto* stored = out.hu.data_ptr<int16_t>();
  for (int64_t at = 0; at < n * n; ++at) {
    const double noisy = hu[static_cast<size_t>(at)] + 14 * rng.normal();
    stored[at] = static_cast<int16_t>(std::lround(std::clamp(noisy, -1024.0, 3000.0)));
  }
  return out;
}

}  // namespace groundglass
