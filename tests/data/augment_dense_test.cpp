// Dense regions painted into lungs.
#include <gtest/gtest.h>

#include "groundglass/data/augment/warp.h"

namespace groundglass {
namespace {

/// Bright tissue with two dark lungs, classes 1 and 2, and a corner of which nothing is said.
Sample two_lungs() {
  Sample s{torch::full({1, 40, 60}, 200, torch::kUInt8), torch::zeros({40, 60}, torch::kUInt8)};
  for (int64_t lung = 1; lung <= 2; ++lung) {
    const int64_t left = lung == 1 ? 5 : 35;
    s.image[0].narrow(0, 5, 30).narrow(1, left, 20).fill_(30);
    s.mask.narrow(0, 5, 30).narrow(1, left, 20).fill_(lung);
  }
  s.mask.narrow(0, 0, 4).narrow(1, 0, 4).fill_(255);
  return s;
}

Sample with_regions(std::vector<DenseRegion> regions) {
  Augmentation a;
  a.dense = std::move(regions);
  return apply(a, two_lungs());
}

TEST(DenseRegions, ArePaintedIntoTheLungsAloneAndLeaveTheMask) {
  const Sample before = two_lungs();
  const Sample after = with_regions({{.place = 0.25, .radius = 0.15}});
  const auto lung = (before.mask == 1) | (before.mask == 2);
  EXPECT_TRUE(torch::equal(after.mask, before.mask));
  EXPECT_TRUE(
      torch::equal(after.image[0].masked_select(~lung), before.image[0].masked_select(~lung)));
  const auto painted = (after.image[0] > 150) & lung;
  EXPECT_GT(painted.sum().item<int64_t>(), 100);  // as bright as tissue
  EXPECT_GT(((after.image[0] < 60) & lung).sum().item<int64_t>(), 500);
}

TEST(DenseRegions, OfALevelFillOneLungFromTheirRowDown) {
  const Sample after =
      with_regions({{.place = 0.5, .level = true}});  // row 20, the right half's start
  const auto first = after.image[0].narrow(1, 5, 20), second = after.image[0].narrow(1, 35, 20);
  const auto bright = [](const torch::Tensor& rows) { return (rows == 200).all().item<bool>(); };
  EXPECT_NE(bright(first.narrow(0, 20, 15)), bright(second.narrow(0, 20, 15)));
  EXPECT_TRUE((first.narrow(0, 5, 15) == 30).all().item<bool>());
  EXPECT_TRUE((second.narrow(0, 5, 15) == 30).all().item<bool>());
}

TEST(DenseRegions, AreKeyedAndChangeNothingElseThatIsDrawn) {
  AugmentOptions options;
  options.dense_probability = 1;
  Rng a(7), b(7), c(7);
  const Augmentation first = draw_augmentation(options, a), again = draw_augmentation(options, b);
  options.dense_probability = 0;
  const Augmentation without = draw_augmentation(options, c);
  ASSERT_FALSE(first.dense.empty());
  EXPECT_TRUE(without.dense.empty());
  EXPECT_EQ(first.angle_deg, without.angle_deg);
  EXPECT_EQ(first.brightness, without.brightness);
  EXPECT_TRUE(torch::equal(apply(first, two_lungs()).image, apply(again, two_lungs()).image));
}

TEST(DenseRegions, LeaveAPictureWithoutLungsAsItIs) {
  Sample empty = two_lungs();
  empty.mask.zero_();
  Augmentation a;
  a.dense = {{.place = 0.5, .radius = 0.3}};
  EXPECT_TRUE(torch::equal(apply(a, empty).image, empty.image));
}

}  // namespace
}  // namespace groundglass
