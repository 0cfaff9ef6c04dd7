#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/core/rng.h"
#include "groundglass/data/augment/dense_regions.h"

namespace groundglass {

/// When slices are varied: anew each epoch, in stored copies, or never.
enum class AugmentMode { online, offline, none };
inline Words<AugmentMode> words_of(AugmentMode) {
  return {{"online", AugmentMode::online},
          {"offline", AugmentMode::offline},
          {"none", AugmentMode::none}};
}

/// What lies beyond the border of a slice: its mirror image, or the nearest pixel of the border.
enum class AugmentBorder { mirror, nearest };
inline Words<AugmentBorder> words_of(AugmentBorder) {
  return {{"mirror", AugmentBorder::mirror}, {"nearest", AugmentBorder::nearest}};
}

/// How slices are varied. Flip, shift, scale, rotation, brightness, grid and optical distortion
/// have the defaults of albumentations, the library that paper 000 names. The elastic transform has
/// not: the library's are alpha 1, sigma 50 and corners shifted by up to 50 pixels
/// (`alpha_affine`), ours 120, 6 and 3.6. The library applies each of the three warps with a
/// probability of its own; here one of them is drawn.
struct AugmentOptions {
  AugmentMode mode = AugmentMode::online;
  int64_t copies = 1;
  double flip_probability = 0.5;
  double affine_probability = 0.5;
  double shift = 0.0625;
  double scale = 0.1;
  double rotate_deg = 45;
  double brightness_probability = 0.5;
  double brightness = 0.2;
  double warp_probability = 0.5;
  double elastic_alpha = 120;
  double elastic_sigma = 6;
  double elastic_affine_px = 3.6;
  int64_t grid_steps = 5;
  double grid_limit = 0.3;
  double optical_limit = 0.05;
  double gray_probability = 0;
  double gamma = 0.4;
  double contrast = 0.3;
  double noise = 0.02;
  double flip_vertical_probability = 0;
  double shear_deg = 0;
  double window_probability = 0;
  double window = 0.2;
  double curve_probability = 0;
  double curve = 1;
  double dense_probability = 0;
  double dense = 0.2;
  AugmentBorder border = AugmentBorder::mirror;

  template <class V>
  void fields(V& v) {
    v.choice({"mode", "'online' (anew each epoch), 'offline' (stored copies) or 'none'"}, mode,
             words_of(mode));
    v.field({"copies", "offline: augmented copies of each slice", 1, 100}, copies);
    v.field({"flip_probability", "left-right flip", 0, 1}, flip_probability);
    v.field({"affine_probability", "shift, scale and rotate together", 0, 1}, affine_probability);
    v.field({"shift", "largest shift, share of the side", 0, 1}, shift);
    v.field({"scale", "largest change of scale, 0.1 gives 0.9 to 1.1", 0, 0.9}, scale);
    v.field({"rotate_deg", "largest rotation, degrees", 0, 180}, rotate_deg);
    v.field({"brightness_probability", "brightness", 0, 1}, brightness_probability);
    v.field({"brightness", "largest change, share of white", 0, 1}, brightness);
    v.field({"warp_probability", "one of elastic, grid, optical", 0, 1}, warp_probability);
    v.field({"elastic_alpha", "elastic: factor of the blurred noise, pixels", 0, 10000},
            elastic_alpha);
    v.field({"elastic_sigma", "elastic: blur of the noise, pixels", 0.5, 100}, elastic_sigma);
    v.field({"elastic_affine_px", "elastic: shift of three corners, pixels", 0, 100},
            elastic_affine_px);
    v.field({"grid_steps", "grid: cells per side", 1, 50}, grid_steps);
    v.field({"grid_limit", "grid: largest change of a cell's width", 0, 0.9}, grid_limit);
    v.field({"optical_limit", "optical: largest lens coefficient", 0, 1}, optical_limit);
    v.field(
        {"gray_probability", "gamma, contrast and noise together (ours, not the paper's)", 0, 1},
        gray_probability);
    v.field({"gamma", "largest exponent, as its logarithm: 0.4 gives 0.67 to 1.49", 0, 2}, gamma);
    v.field({"contrast", "largest change of contrast about the mean gray", 0, 1}, contrast);
    v.field({"noise", "largest standard deviation of Gaussian noise, share of white", 0, 1}, noise);
    v.field({"flip_vertical_probability", "up-down flip", 0, 1}, flip_vertical_probability);
    v.field({"shear_deg", "largest shear along the rows, degrees", 0, 60}, shear_deg);
    v.field({"window_probability", "another gray window (ours)", 0, 1}, window_probability);
    v.field({"window", "largest share of the grays that a window cuts off at each end", 0, 0.45},
            window);
    v.field({"curve_probability", "a random rising gray curve (ours)", 0, 1}, curve_probability);
    v.field({"curve",
             "largest slope of a piece of the curve, as its logarithm before the curve is "
             "fitted to black and white",
             0, 3},
            curve);
    v.field({"dense_probability",
             "lung masks: dense regions and fluid painted into what the mask marks (ours)", 0, 1},
            dense_probability);
    v.field({"dense", "largest radius of such a region, share of the side", 0, 1}, dense);
    v.choice({"border",
              "what moves in from beyond the slice: its 'mirror' image, or the 'nearest' pixel of "
              "its border"},
             border, words_of(border));
  }
};

enum class WarpKind { none, elastic, grid, optical };

/// One drawn augmentation: all numbers, nothing random left. The default changes nothing.
struct Augmentation {
  bool flip = false;

  double angle_deg = 0;  ///< counter-clockwise as seen
  double scale = 1;      ///< above 1 magnifies
  double shift_x = 0;    ///< share of the width, to the right
  double shift_y = 0;    ///< share of the height, down
  bool flip_vertical = false;
  double shear_deg = 0;  ///< lower rows move left, about the centre

  WarpKind warp = WarpKind::none;
  uint64_t elastic_key = 0;  ///< seeds the displacement fields
  double elastic_alpha = 0, elastic_sigma = 6;
  std::vector<double> elastic_corners_px = {};   ///< six numbers: x and y of three corners
  std::vector<double> grid_x = {}, grid_y = {};  ///< factors of the cells' widths, one per cell
  double optical_k = 0;

  double brightness = 0;  ///< added, share of white
  double gamma = 1;
  double contrast = 1;  ///< factor about the mean gray
  double noise = 0;     ///< standard deviation, share of white
  uint64_t noise_key = 0;
  double window_low = 0, window_high = 1;  ///< grays shown as black and as white, share of white
  std::vector<double> curve = {};          ///< rising, from 0 to 1: what evenly spaced grays become
  std::vector<DenseRegion> dense = {};     ///< painted before everything else
  AugmentBorder border = AugmentBorder::mirror;
};

/// Draws the eight transforms of the paper (flip, shift, scale, rotate, brightness, and one of
/// elastic, grid, optical), and ours on gray values if the options ask for them.
///
/// Bakheet, Youssef et al., Sci Rep 2026, 16:1551, "Data augmentation"; names of albumentations 1.3
/// (Buslaev et al., Information 11 (2020) 125), whose defaults AugmentOptions has but for elastic.
/// Differs: the paper prints no parameters. Its introduction also names saturation, which changes
/// nothing on gray, and contrast, which is among ours (`contrast`). Up-down flip and shear are
/// paper 003's; windows and curves are ours, after Zhou et al., "Models Genesis", MICCAI 2019,
/// whose curve is a Bezier's. They are drawn after everything else, so that recipes without them
/// draw what they always drew.
Augmentation draw_augmentation(const AugmentOptions& options, Rng& rng);

}  // namespace groundglass
