// Windows, curves, shear and the up-down flip.
#include <gtest/gtest.h>

#include "groundglass/data/augment/warp.h"

namespace groundglass {
namespace {

Sample ramp() {
  const auto grays = torch::arange(256, torch::kFloat32).to(torch::kUInt8).view({1, 1, 256});
  return {grays.repeat({1, 4, 1}), torch::zeros({4, 256}, torch::kUInt8)};
}

int gray_at(const Sample& s, int64_t x) {
  return s.image[0][0][x].item<int>();
}

TEST(GrayWindow, StretchesWhatLiesBetweenItsEnds) {
  const Sample out = apply({.window_low = 0.2, .window_high = 0.8}, ramp());
  EXPECT_EQ(gray_at(out, 51), 0);
  EXPECT_EQ(gray_at(out, 20), 0);
  EXPECT_EQ(gray_at(out, 204), 255);
  EXPECT_EQ(gray_at(out, 240), 255);
  EXPECT_NEAR(gray_at(out, 102), 85, 1);  // a third of the way
}

TEST(GrayCurve, IsStraightBetweenItsPoints) {
  const Sample out = apply({.curve = {0, 0.5, 0.6, 1}}, ramp());
  EXPECT_EQ(gray_at(out, 0), 0);
  EXPECT_EQ(gray_at(out, 255), 255);
  EXPECT_NEAR(gray_at(out, 85), 128, 1);
  EXPECT_NEAR(gray_at(out, 170), 153, 1);
  EXPECT_NEAR(gray_at(out, 42), 63, 1);
}

TEST(GrayCurve, ThatIsDrawnAlwaysRises) {
  AugmentOptions options;
  options.flip_probability = options.affine_probability = options.warp_probability = 0;
  options.brightness_probability = 0;
  options.curve_probability = options.window_probability = 1;
  bool differs = false;
  for (uint64_t key = 0; key < 20; ++key) {
    Rng rng(key);
    const Augmentation a = draw_augmentation(options, rng);
    ASSERT_EQ(a.curve.size(), 6U);
    EXPECT_EQ(a.curve.front(), 0);
    EXPECT_EQ(a.curve.back(), 1);
    EXPECT_TRUE(a.window_low >= 0 && a.window_low <= 0.2 && a.window_high >= 0.8 &&
                a.window_high <= 1);
    const Sample out = apply(a, ramp());
    for (int64_t x = 1; x < 256; ++x) EXPECT_GE(gray_at(out, x), gray_at(out, x - 1));
    differs = differs || gray_at(out, 128) < 100 || gray_at(out, 128) > 156;
  }
  EXPECT_TRUE(differs);
}

TEST(LaterAugmentations, ChangeNothingInRecipesWithoutThem) {
  AugmentOptions plain, more;
  more.shear_deg = 10;
  more.flip_vertical_probability = more.window_probability = more.curve_probability = 1;
  for (uint64_t key = 0; key < 30; ++key) {
    Rng one(key), two(key);
    const Augmentation a = draw_augmentation(plain, one), b = draw_augmentation(more, two);
    EXPECT_EQ(a.flip, b.flip);
    EXPECT_EQ(a.angle_deg, b.angle_deg);
    EXPECT_EQ(a.brightness, b.brightness);
    EXPECT_EQ(a.warp, b.warp);
    EXPECT_FALSE(a.flip_vertical);
    EXPECT_TRUE(a.curve.empty());
    EXPECT_EQ(a.shear_deg, 0);
    EXPECT_TRUE(b.flip_vertical);
  }
}

TEST(VerticalFlip, MirrorsImageAndMask) {
  torch::manual_seed(3);
  const Sample s{torch::randint(0, 256, {1, 20, 30}, torch::kUInt8),
                 torch::randint(0, 2, {20, 30}, torch::kUInt8)};
  const Sample out = apply({.flip_vertical = true}, s);
  EXPECT_TRUE(torch::equal(out.image, s.image.flip(1)));
  EXPECT_TRUE(torch::equal(out.mask, s.mask.flip(0)));
}

TEST(Shear, MovesRowsInProportionToTheirDistanceFromTheMiddle) {
  auto mask = torch::zeros({21, 41}, torch::kUInt8);
  mask.select(1, 20).fill_(1);  // an upright line in the middle column
  const Sample out = apply({.shear_deg = 45}, {(mask * 200).unsqueeze(0), mask});
  EXPECT_EQ(out.mask[10][20].item<int>(), 1);  // the middle row stays
  EXPECT_EQ(out.mask[0][30].item<int>(), 1);   // ten rows up: ten to the right
  EXPECT_EQ(out.mask[20][10].item<int>(), 1);  // ten down: ten to the left
  EXPECT_EQ(out.mask.sum().item<int64_t>(), 21);
  EXPECT_EQ(out.image[0][0][30].item<int>(), 200);
}

}  // namespace
}  // namespace groundglass
