#include "groundglass/io/legend.h"

#include <gtest/gtest.h>

#include "groundglass/io/paint.h"

namespace groundglass {
namespace {

bool has_colour(const torch::Tensor& rgb, int64_t y, int64_t x, std::array<uint8_t, 3> colour) {
  for (int64_t c = 0; c < 3; ++c) {
    if (rgb[c][y][x].item<int>() != colour[static_cast<size_t>(c)]) return false;
  }
  return true;
}

TEST(Legend, StandsBelowThePictureInTheColoursOfTheClasses) {
  const auto picture = torch::randint(0, 255, {3, 50, 300}, torch::kUInt8);
  const auto out = with_legend(picture, {"ground glass", "consolidation"});
  EXPECT_EQ(out.sizes(), (torch::IntArrayRef{3, 50 + kLegendLine, 300}));
  EXPECT_TRUE(torch::equal(out.narrow(1, 0, 50), picture));
  EXPECT_TRUE(has_colour(out, 60, 10, class_colour(1)));
  const auto bar = out.narrow(1, 50, kLegendLine);
  const auto second = class_colour(2);
  const auto yellow = (bar[0] == second[0]) & (bar[1] == second[1]) & (bar[2] == second[2]);
  EXPECT_GT(yellow.sum().item<int64_t>(), 100);                 // the second square, and
  EXPECT_EQ(yellow.narrow(1, 0, 60).sum().item<int64_t>(), 0);  // right of the first name
  EXPECT_TRUE(has_colour(out, 50, 299, {255, 255, 255}));
}

TEST(Legend, CallsClassOneRedAndClassTwoYellow) {  // as reports say it in words
  EXPECT_EQ(class_colour(1), (std::array<uint8_t, 3>{255, 40, 40}));
  EXPECT_EQ(class_colour(2), (std::array<uint8_t, 3>{255, 220, 40}));
  EXPECT_EQ(class_colour(9), class_colour(4));
}

TEST(Legend, TakesAnotherLineWhereThePictureIsNarrow) {
  const auto picture = torch::zeros({3, 40, 80}, torch::kUInt8);
  const auto out = with_legend(picture, {"ground glass", "consolidation"});
  EXPECT_EQ(out.size(1), 40 + 2 * kLegendLine);
  EXPECT_TRUE(has_colour(out, 50, 10, class_colour(1)));
  EXPECT_TRUE(has_colour(out, 50 + kLegendLine, 10, class_colour(2)));
  EXPECT_TRUE(torch::equal(with_legend(picture, {}), picture));
  EXPECT_EQ(with_legend(torch::zeros({3, 9, 4}, torch::kUInt8), {"a"}).size(2), 4);
}

}  // namespace
}  // namespace groundglass
