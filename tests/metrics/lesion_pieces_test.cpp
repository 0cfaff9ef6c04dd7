#include "groundglass/metrics/lesion_pieces.h"

#include <gtest/gtest.h>

namespace groundglass {
namespace {

/// A piece of 2 x 3 x 4 voxels, most of it of class 2, one of a single voxel, and one of two.
torch::Tensor three_pieces() {
  auto labels = torch::zeros({6, 8, 10}, torch::kUInt8);
  labels.slice(0, 1, 3).slice(1, 2, 5).slice(2, 3, 7).fill_(2);
  labels[1][2][3] = 1;
  labels[5][0][0] = 1;
  labels[5].slice(0, 6, 8).select(1, 9).fill_(1);
  return labels;
}

TEST(LesionPieces, AreListedTheLargestFirstByNamedAxes) {
  Geometry grid;
  grid.spacing_mm = {2, 2, 5};
  grid.origin_mm = {-10, 20, 30};
  LesionPiecesOptions options;
  options.geometry = grid;
  options.hu = torch::full({6, 8, 10}, -400, torch::kInt16);
  options.hu[1][2][3] = -280;
  const auto list = lesion_pieces(three_pieces(), options);
  EXPECT_EQ(list.total, 3);
  EXPECT_EQ(list.smaller, 0);
  ASSERT_EQ(list.listed.size(), 3U);
  const auto& largest = list.listed[0];
  EXPECT_EQ(largest.voxels, 24);
  EXPECT_EQ(largest.label, 2);
  EXPECT_NEAR(*largest.mean_hu, -395, 1e-9);
  EXPECT_EQ(largest.centre_ij, (std::vector<double>{4.5, 3, 1.5}));
  EXPECT_EQ(largest.nearest_ij, (std::vector<int64_t>{4, 3, 1}));
  EXPECT_EQ(largest.first_slice, 1);
  EXPECT_EQ(largest.last_slice, 2);
  EXPECT_EQ(*largest.centre_lps_mm, (std::array<double, 3>{-1, 26, 37.5}));
  EXPECT_EQ(*largest.centre_ras_mm(), (std::array<double, 3>{1, -26, 37.5}));
  EXPECT_EQ(list.listed[1].voxels, 2);
  EXPECT_EQ(list.listed[2].voxels, 1);
}

TEST(LesionPieces, TellHowManyAreNotListed) {
  LesionPiecesOptions options;
  options.smallest = 2;
  options.most = 1;
  const auto list = lesion_pieces(three_pieces(), options);
  EXPECT_EQ(list.total, 3);
  EXPECT_EQ(list.smaller, 1);
  ASSERT_EQ(list.listed.size(), 1U);
  EXPECT_FALSE(list.listed[0].mean_hu);
  EXPECT_FALSE(list.listed[0].centre_ras_mm());
}

TEST(LesionPieces, OfAPictureHaveTwoAxes) {
  auto labels = torch::zeros({4, 6}, torch::kUInt8);
  labels.slice(0, 1, 3).slice(1, 2, 5).fill_(1);
  const auto list = lesion_pieces(labels);
  ASSERT_EQ(list.listed.size(), 1U);
  EXPECT_EQ(list.listed[0].centre_ij, (std::vector<double>{3, 1.5}));
  EXPECT_EQ(list.listed[0].nearest_ij, (std::vector<int64_t>{3, 1}));
  EXPECT_TRUE(lesion_pieces(torch::zeros({4, 6}, torch::kUInt8)).listed.empty());
}

}  // namespace
}  // namespace groundglass
