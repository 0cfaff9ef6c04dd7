#include "groundglass/data/augment/augmentation.h"

#include <cmath>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

void draw_warp(const AugmentOptions& o, Rng& rng, Augmentation& a) {
  const auto factors = [&] {
    std::vector<double> list(static_cast<size_t>(o.grid_steps) + 1);
    for (auto& f : list) f = 1 + rng.uniform(-o.grid_limit, o.grid_limit);
    return list;
  };
  switch (rng.below(3)) {
    case 0:
      a.warp = WarpKind::elastic;
      a.elastic_key = rng.bits();
      a.elastic_alpha = o.elastic_alpha;
      a.elastic_sigma = o.elastic_sigma;
      a.elastic_corners_px.resize(6);
      for (auto& c : a.elastic_corners_px) {
        c = rng.uniform(-o.elastic_affine_px, o.elastic_affine_px);
      }
      break;
    case 1:
      a.warp = WarpKind::grid;
      a.grid_x = factors();
      a.grid_y = factors();
      break;
    default:
      a.warp = WarpKind::optical;
      a.optical_k = rng.uniform(-o.optical_limit, o.optical_limit);
  }
}

/// A rising curve of straight pieces whose slopes differ by up to e^(2 strength).
std::vector<double> drawn_curve(double strength, Rng& rng) {
  constexpr int kPieces = 5;
  std::vector<double> curve = {0};
  for (int i = 0; i < kPieces; ++i) {
    curve.push_back(curve.back() + std::exp(rng.uniform(-strength, strength)));
  }
  const double top = curve.back();
  for (auto& value : curve) value /= top;
  return curve;
}

/// What came later to the options, drawn last.
void draw_later_options(const AugmentOptions& o, Rng& rng, Augmentation& a) {
  a.flip_vertical = rng.chance(o.flip_vertical_probability);
  if (o.shear_deg > 0) a.shear_deg = rng.uniform(-o.shear_deg, o.shear_deg);
  if (rng.chance(o.window_probability)) {
    a.window_low = rng.uniform(0, o.window);
    a.window_high = 1 - rng.uniform(0, o.window);
  }
  if (rng.chance(o.curve_probability)) a.curve = drawn_curve(o.curve, rng);
  if (rng.chance(o.dense_probability)) a.dense = draw_dense_regions(o.dense, rng);
}

}  // namespace

Augmentation draw_augmentation(const AugmentOptions& o, Rng& rng) {
  Augmentation a;
  a.flip = rng.chance(o.flip_probability);
  if (rng.chance(o.affine_probability)) {
    a.angle_deg = rng.uniform(-o.rotate_deg, o.rotate_deg);
    a.scale = 1 + rng.uniform(-o.scale, o.scale);
    a.shift_x = rng.uniform(-o.shift, o.shift);
    a.shift_y = rng.uniform(-o.shift, o.shift);
  }
  if (rng.chance(o.brightness_probability)) a.brightness = rng.uniform(-o.brightness, o.brightness);
  if (rng.chance(o.warp_probability)) draw_warp(o, rng, a);
  if (rng.chance(o.gray_probability)) {
    a.gamma = std::exp(rng.uniform(-o.gamma, o.gamma));
    a.contrast = 1 + rng.uniform(-o.contrast, o.contrast);
    a.noise = rng.uniform(0, o.noise);
    a.noise_key = rng.bits();
  }
  draw_later_options(o, rng, a);
  a.border = o.border;
  return a;
}

}  // namespace groundglass
