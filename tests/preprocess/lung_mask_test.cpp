#include <gtest/gtest.h>

#include "groundglass/data/phantom.h"
#include "groundglass/preprocess/lung_mask.h"

namespace groundglass {
namespace {

TEST(LungEstimator, FindsTheLungsOfAPhantom) {
  const Phantom phantom({.seed = 5, .slices = 24, .side = 192});
  LungEstimator estimator;
  std::vector<torch::Tensor> truth;
  for (int64_t k = 0; k < phantom.slices(); ++k) {
    const auto slice = phantom.slice(k);
    estimator.add_slice(slice.hu, slice.lesions);
    truth.push_back(slice.lungs);
  }
  const LungEstimate found = estimator.finish(phantom.geometry());
  ASSERT_TRUE(found.found);
  const double true_ml =
      torch::stack(truth).sum().item<double>() * voxel_mm3(phantom.geometry()) / 1000;
  EXPECT_NEAR(found.lung_ml / true_ml, 1, 0.06);
}

TEST(LungEstimator, FindsNoLungsInALumpOfMuscle) {
  LungEstimator estimator;
  auto slice = torch::full({128, 128}, -1000.0F);
  slice.narrow(0, 20, 88).narrow(1, 20, 88).fill_(40);
  for (int k = 0; k < 8; ++k) estimator.add_slice(slice, torch::zeros({128, 128}, torch::kUInt8));
  EXPECT_FALSE(estimator.finish({}).found);
}

TEST(LungEstimator, FollowsAirThroughTheSlices) {
  Geometry geometry;
  geometry.spacing_mm = {2, 2, 5};
  const auto estimate =
      [&](int64_t pocket_slice) {  // a pocket in the body; opens in the last slice
        LungEstimator estimator;
        for (int64_t k = 0; k < 8; ++k) {
          auto slice = torch::full({128, 128}, 40.0F);
          if (k >= pocket_slice) slice.narrow(0, 32, 64).narrow(1, 32, 64).fill_(-850);
          if (k == 7 && pocket_slice == 0) slice.narrow(0, 0, 64).narrow(1, 60, 8).fill_(-1000);
          estimator.add_slice(slice, torch::zeros({128, 128}, torch::kUInt8));
        }
        return estimator.finish(geometry);
      };
  EXPECT_FALSE(estimate(0).found);  // outside air, seen in one slice only
  EXPECT_TRUE(estimate(1).found);
  EXPECT_NEAR(estimate(1).lung_ml, 7 * 64 * 64 * 2 * 2 * 5 / 1000.0, 1);
}

TEST(LungEstimator, AddsUpWhatIsTooSmallInOneSlice) {
  LungEstimator estimator;
  auto slice = torch::full({128, 128}, 40.0F);
  slice.narrow(0, 40, 48).narrow(1, 40, 48).fill_(-850);  // 2.3 ml at 1 mm
  for (int k = 0; k < 12; ++k) estimator.add_slice(slice, torch::zeros({128, 128}, torch::kUInt8));
  EXPECT_TRUE(estimator.finish({}).found);
}

TEST(LungEstimator, CountsALesionAtTheWallAsLung) {
  Geometry geometry;
  geometry.spacing_mm = {2, 2, 5};
  const auto estimate = [&](bool with_lesion) {
    LungEstimator estimator;
    auto slice = torch::full({128, 128}, 40.0F);
    slice.narrow(0, 32, 64).narrow(1, 32, 64).fill_(-850);
    auto lesion = torch::zeros({128, 128}, torch::kUInt8);
    if (with_lesion) {
      slice.narrow(0, 32, 64).narrow(1, 32, 24).fill_(30);  // consolidated: looks like the wall
      lesion.narrow(0, 32, 64).narrow(1, 32, 24).fill_(1);
    }
    for (int k = 0; k < 8; ++k) estimator.add_slice(slice, lesion);
    return estimator.finish(geometry).lung_ml;
  };
  EXPECT_NEAR(estimate(true), estimate(false), 0.08 * estimate(false));
}

TEST(LungEstimator, KeepsTheMeanHuOfLesionsOfEachCell) {
  auto lesion = torch::zeros({128, 128}, torch::kUInt8);
  lesion[40][40] = lesion[40][41] = 1;
  lesion[127][127] = 2;
  auto hu = torch::full({128, 128}, -1000, torch::kInt16);
  hu[40][40] = -300;
  hu[40][41] = -500;
  hu[127][127] = 20;
  LungEstimator own, others;
  own.add_slice(hu, lesion);
  others.add_lungs(torch::zeros({128, 128}, torch::kUInt8), LungEstimator::kAnyLabel, lesion, hu);
  for (auto* estimator : {&own, &others}) {
    const auto cells = estimator->finish({}).cells;
    EXPECT_EQ(cells.lesion_voxels, (std::vector<uint8_t>{2, 1}));
    ASSERT_EQ(cells.lesion_hu.size(), 2U);
    EXPECT_NEAR(cells.lesion_hu[0], -400, 1e-3);
    EXPECT_NEAR(cells.lesion_hu[1], 20, 1e-3);
  }
}

TEST(LungEstimator, TakesLungsThatReachTheBorder) {
  Geometry geometry;
  geometry.spacing_mm = {2, 2, 5};
  // 130 is no multiple of a cell: the frame begins inside the last one.
  auto lungs = torch::zeros({130, 130}, torch::kUInt8);
  lungs.narrow(1, 0, 40).fill_(1);
  lungs.narrow(1, 90, 40).fill_(2);
  const auto none = torch::zeros({130, 130}, torch::kUInt8);
  const auto ml = [&](int label) {
    LungEstimator estimator;
    for (int k = 0; k < 8; ++k) estimator.add_lungs(lungs, label, none, none);
    return estimator.finish(geometry).lung_ml;
  };
  const double side_ml = 40 * 130 * 8 * 20 / 1000.0;
  EXPECT_NEAR(ml(1), side_ml, 0.12 * side_ml);  // cells that are half lung count
  EXPECT_NEAR(ml(2), side_ml, 0.12 * side_ml);
  EXPECT_NEAR(ml(LungEstimator::kAnyLabel), ml(1) + ml(2), 1e-9);
  LungEstimator as_air;
  for (int k = 0; k < 8; ++k) as_air.add_slice((lungs == 1).to(torch::kFloat32) * -1000, none);
  EXPECT_FALSE(as_air.finish(geometry).found);
}

}  // namespace
}  // namespace groundglass
