#include <cmath>

#include <gtest/gtest.h>

#include "groundglass/data/augment/warp.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

Sample random_sample(int64_t height, int64_t width) {
  torch::manual_seed(3);
  return {torch::randint(0, 256, {1, height, width}, torch::kUInt8),
          torch::randint(0, 2, {height, width}, torch::kUInt8)};
}

TEST(Augmentation, ThatDrawsNothingChangesNothing) {
  const Sample s = random_sample(20, 30);
  const Sample out = apply({}, s);
  EXPECT_TRUE(torch::equal(out.image, s.image));
  EXPECT_TRUE(torch::equal(out.mask, s.mask));
}

TEST(Augmentation, FlipMirrorsImageAndMask) {
  const Sample s = random_sample(20, 30);
  const Sample out = apply({.flip = true}, s);
  EXPECT_TRUE(torch::equal(out.image, s.image.flip(2)));
  EXPECT_TRUE(torch::equal(out.mask, s.mask.flip(1)));
}

TEST(Augmentation, AQuarterTurnIsExactAndCounterClockwise) {
  const Sample s = random_sample(24, 24);
  const Sample out = apply({.angle_deg = 90}, s);
  EXPECT_TRUE(torch::equal(out.image, torch::rot90(s.image, 1, {1, 2})));
  EXPECT_TRUE(torch::equal(out.mask, torch::rot90(s.mask, 1, {0, 1})));
}

TEST(Augmentation, ShiftMovesRightAndDown) {
  const Sample s = random_sample(20, 20);
  const Sample out = apply({.shift_x = 0.1, .shift_y = 0.2}, s);  // 2 and 4 pixels
  EXPECT_TRUE(torch::equal(out.image.narrow(1, 4, 16).narrow(2, 2, 18),
                           s.image.narrow(1, 0, 16).narrow(2, 0, 18)));
}

TEST(Augmentation, BordersAreMirroredWithoutDoublingThem) {
  const Sample s = random_sample(8, 10);
  const Sample out = apply({.shift_x = 0.2}, s);  // 2 pixels; column 0 shows column 2
  EXPECT_TRUE(torch::equal(out.image.select(2, 0), s.image.select(2, 2)));
  EXPECT_TRUE(torch::equal(out.image.select(2, 1), s.image.select(2, 1)));
}

TEST(Augmentation, BordersMayRepeatTheNearestPixel) {
  Augmentation a;
  a.shift_x = 0.25;
  const auto row = torch::tensor({10, 20, 30, 40, 50, 60, 70, 80}, torch::kUInt8);
  const Sample sample{row.expand({1, 8, 8}).contiguous(),
                      (row == 10).to(torch::kUInt8).expand({8, 8}).contiguous()};
  const auto line = [&] {
    const Sample moved = apply(a, sample);
    std::vector<int> grays;
    for (int64_t x = 0; x < 4; ++x) grays.push_back(moved.image[0][4][x].item<int>());
    for (int64_t x = 0; x < 4; ++x) grays.push_back(moved.mask[4][x].item<int>());
    return grays;
  };
  EXPECT_EQ(line(), (std::vector<int>{30, 20, 10, 20, 0, 0, 1, 0}));
  a.border = AugmentBorder::nearest;
  EXPECT_EQ(line(), (std::vector<int>{10, 10, 10, 20, 1, 1, 1, 0}));
  AugmentOptions options;
  options.border = AugmentBorder::nearest;
  Rng rng(3);
  EXPECT_EQ(draw_augmentation(options, rng).border, AugmentBorder::nearest);
}

TEST(Augmentation, ScaleAboveOneMagnifiesAboutTheCentre) {
  auto image = torch::zeros({1, 41, 41}, torch::kUInt8);
  image[0][20][20] = 200;
  image[0][20][30] = 100;  // ten to the right of the centre
  const Sample out = apply({.scale = 2}, {image, torch::zeros({41, 41}, torch::kUInt8)});
  EXPECT_EQ(out.image[0][20][20].item<int>(), 200);
  EXPECT_EQ(out.image[0][20][40].item<int>(), 100);
}

TEST(Augmentation, InterpolatesTheImageAndNeverTheMask) {
  auto s = random_sample(64, 64);
  s.mask = s.mask * 7;
  Rng rng(9);
  for (int i = 0; i < 30; ++i) {
    const Sample out = apply(draw_augmentation({}, rng), s);
    const auto strange = (out.mask != 0) & (out.mask != 7);
    EXPECT_FALSE(strange.any().item<bool>());
  }
  const Sample half = apply({.shift_x = 0.5 / 64}, s);  // half a pixel: the mean of two neighbours
  const double mean = (s.image[0][5][9].item<double>() + s.image[0][5][10].item<double>()) / 2;
  EXPECT_NEAR(half.image[0][5][10].item<double>(), mean, 0.51);
}

TEST(Augmentation, MovesImageAndMaskTogether) {
  auto mask = torch::zeros({96, 96}, torch::kUInt8);
  mask.narrow(0, 30, 30).narrow(1, 40, 25).fill_(1);
  const Sample s{(mask * 200).unsqueeze(0), mask};
  AugmentOptions options;
  options.affine_probability = options.warp_probability = options.flip_probability = 1;
  options.brightness_probability = 0;
  Rng rng(4);
  for (int i = 0; i < 20; ++i) {
    const Sample out = apply(draw_augmentation(options, rng), s);
    const auto differ = (out.image[0] >= 100) != (out.mask != 0);
    EXPECT_LT(differ.sum().item<int64_t>(), 12);  // only where an edge is cut at one half
  }
}

TEST(Augmentation, OneGridEqualsOneTransformAfterTheOther) {
  const Sample s = random_sample(40, 40);
  const Sample together = apply({.flip = true, .shift_x = 0.1, .shift_y = 0.05}, s);
  const Sample steps = apply({.shift_x = 0.1, .shift_y = 0.05}, apply({.flip = true}, s));
  EXPECT_TRUE(torch::equal(together.image, steps.image));
  EXPECT_TRUE(torch::equal(together.mask, steps.mask));
}

TEST(Augmentation, WarpsThatDoNothingDoNothing) {
  const Sample s = random_sample(50, 50);
  Augmentation grid{.warp = WarpKind::grid};
  grid.grid_x = grid.grid_y = std::vector<double>(6, 1.0);
  EXPECT_TRUE(torch::equal(apply(grid, s).image, s.image));
  EXPECT_TRUE(torch::equal(apply({.warp = WarpKind::optical, .optical_k = 0}, s).image, s.image));
  EXPECT_TRUE(
      torch::equal(apply({.warp = WarpKind::elastic, .elastic_alpha = 0}, s).image, s.image));
}

TEST(GridDistortion, StretchesCellsByTheirFactors) {
  Grid grid = identity_grid(10, 10);
  grid_distortion(grid, {1.0, 1.0, 2.0, 1.0, 1.0, 1.0},
                  {1.0, 1.0, 1.0, 1.0, 1.0, 1.0});  // cells of 2
  EXPECT_FLOAT_EQ(grid.x[4], 4);
  EXPECT_FLOAT_EQ(grid.x[5], 6);  // inside the doubled cell
  EXPECT_FLOAT_EQ(grid.x[6], 8);  // and behind it
  EXPECT_FLOAT_EQ(grid.y[10 * 7], 7);
}

TEST(OpticalDistortion, FollowsTheLensFormula) {
  Grid grid = identity_grid(100, 200);
  optical(grid, 0.04);
  const double x = (150.0 - 100) / 200, y = (80.0 - 50) / 100, r2 = x * x + y * y;
  EXPECT_NEAR(grid.x[80 * 200 + 150], x * (1 + 0.04 * r2 + 0.04 * r2 * r2) * 200 + 100, 1e-4);
  EXPECT_NEAR(grid.y[80 * 200 + 150], y * (1 + 0.04 * r2 + 0.04 * r2 * r2) * 100 + 50, 1e-4);
}

TEST(ElasticDeformation, HasTheSizeOfBlurredNoise) {
  Grid grid = identity_grid(128, 128);
  const Augmentation a{.elastic_key = 5, .elastic_alpha = 120, .elastic_sigma = 6};
  elastic(grid, a);
  double squares = 0;
  for (size_t i = 0; i < grid.x.size(); ++i) {
    squares += std::pow(grid.x[i] - static_cast<float>(i % 128), 2);
  }
  // uniform noise has deviation 1/sqrt(3); a Gaussian blur leaves 1/(2 sigma sqrt(pi)) of it
  const double expected = 120 / std::sqrt(3.0) / (2 * 6 * std::sqrt(M_PI));
  EXPECT_NEAR(std::sqrt(squares / 128 / 128), expected, 0.25 * expected);
}

TEST(Brightness, AddsAShareOfWhiteAndClips) {
  const Sample s{torch::tensor({{{0, 100, 250}}}, torch::kUInt8),
                 torch::zeros({1, 3}, torch::kUInt8)};
  const auto out = apply({.brightness = 0.2}, s).image;  // + 51
  EXPECT_TRUE(torch::equal(out, torch::tensor({{{51, 151, 255}}}, torch::kUInt8))) << out;
}

TEST(GrayValues, GammaAndContrastKeepTheEnds) {
  const Sample s{torch::tensor({{{0, 64, 255}}}, torch::kUInt8),
                 torch::zeros({1, 3}, torch::kUInt8)};
  const auto out = apply({.gamma = 2}, s).image;
  EXPECT_EQ(out[0][0][0].item<int>(), 0);
  EXPECT_EQ(out[0][0][1].item<int>(), 16);  // 255 (64/255)^2
  EXPECT_EQ(out[0][0][2].item<int>(), 255);
}

TEST(DrawAugmentation, StaysWithinItsLimitsAndUsesAllOfThem) {
  const AugmentOptions o;
  int flips = 0, affine = 0, bright = 0;
  std::array<int, 4> kinds{};
  for (uint64_t i = 0; i < 4000; ++i) {
    Rng rng = rng_for(1, 2, i);
    const Augmentation a = draw_augmentation(o, rng);
    flips += a.flip;
    affine += a.angle_deg != 0;
    bright += a.brightness != 0;
    ++kinds[static_cast<size_t>(a.warp)];
    EXPECT_LE(std::abs(a.angle_deg), 45);
    EXPECT_NEAR(a.scale, 1, 0.1);
    EXPECT_LE(std::max(std::abs(a.shift_x), std::abs(a.shift_y)), 0.0625);
    EXPECT_LE(std::abs(a.brightness), 0.2);
    EXPECT_LE(std::abs(a.optical_k), 0.05);
    for (const double f : a.grid_x) EXPECT_NEAR(f, 1, 0.3);
  }
  EXPECT_NEAR(flips, 2000, 130);
  EXPECT_NEAR(affine, 2000, 130);
  EXPECT_NEAR(bright, 2000, 130);
  EXPECT_NEAR(kinds[0], 2000, 130);
  for (size_t kind = 1; kind < 4; ++kind) EXPECT_NEAR(kinds[kind], 667, 90);
}

TEST(DrawAugmentation, IsKeyedAndNothingElse) {
  Rng a = rng_for(7, 3, 11), b = rng_for(7, 3, 11), c = rng_for(7, 4, 11);
  const Sample s = random_sample(32, 32);
  AugmentOptions o;
  o.affine_probability = 1;
  const auto first = apply(draw_augmentation(o, a), s).image;
  EXPECT_TRUE(torch::equal(first, apply(draw_augmentation(o, b), s).image));
  EXPECT_FALSE(torch::equal(first, apply(draw_augmentation(o, c), s).image));
}

}  // namespace
}  // namespace groundglass
