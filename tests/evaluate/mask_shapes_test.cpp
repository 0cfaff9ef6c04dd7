#include "groundglass/evaluate/mask_shapes.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/complaint.h"

namespace groundglass {
namespace {

// One lesion of 4 voxels and one of 1; the prediction is the first, moved by one column.
torch::Tensor truth() {
  auto mask = torch::zeros({3, 6, 8}, torch::kUInt8);
  mask[1].slice(0, 1, 3).slice(1, 1, 3).fill_(2);
  mask[1][5][7] = 1;
  return mask;
}

torch::Tensor prediction() {
  auto mask = torch::zeros({3, 6, 8}, torch::kUInt8);
  mask[1].slice(0, 1, 3).slice(1, 2, 4).fill_(1);
  return mask;
}

TEST(MeasureShapes, CountsLesionsWithoutASpacingAndDistancesWithOne) {
  const MaskShapes blind = measure_shapes(prediction(), truth(), {}, {});
  EXPECT_EQ(blind.lesions, (LesionCounts{2, 1, 1, 0}));
  EXPECT_EQ(blind.masks, 1);
  EXPECT_EQ(blind.with_spacing, 0);
  const ShapeRow without = shape_row(blind, 3);
  EXPECT_FALSE(without.hd95_mm || without.assd_mm || without.surface_dice);
  EXPECT_EQ(*without.false_positives, 0);
  EXPECT_EQ(*without.lesion_sensitivity, 0.5);
  auto near = truth();
  near[1][5][7] = 0;
  const MaskShapes measured = measure_shapes(prediction(), near, {5, 1, 0.5}, {});
  EXPECT_EQ(measured.with_spacing, 1);
  EXPECT_EQ(measured.measured, 1);
  const ShapeRow row = shape_row(measured, 0.4);
  EXPECT_EQ(*row.hd95_mm, 0.5);  // half the voxels lie one column of 0.5 mm away
  EXPECT_EQ(*row.assd_mm, 0.25);
  EXPECT_EQ(*row.surface_dice, 0.5);
}

TEST(MeasureShapes, TurnsMm3IntoVoxels) {
  const auto lesions = [](double mm3, int64_t voxels, const std::vector<double>& spacing) {
    ShapeOptions options;
    options.smallest_lesion_mm3 = mm3;
    options.smallest_lesion = voxels;
    return measure_shapes(prediction(), truth(), spacing, options).lesions.reference;
  };
  EXPECT_EQ(lesions(0.5, 1, {2, 0.5, 0.5}), 2);   // one voxel
  EXPECT_EQ(lesions(0.51, 1, {2, 0.5, 0.5}), 1);  // more than one
  EXPECT_EQ(lesions(2, 1, {2, 0.5, 0.5}), 1);     // the larger lesion, exactly
  EXPECT_EQ(lesions(2.1, 1, {2, 0.5, 0.5}), 0);
  EXPECT_EQ(lesions(0.5, 5, {2, 0.5, 0.5}), 0);  // whichever asks for more
}

TEST(MeasureShapes, CanBeAdded) {
  MaskShapes sum = measure_shapes(prediction(), truth(), {1, 1, 1}, {});
  sum += measure_shapes(torch::zeros_like(truth()), truth(), {1, 1, 1}, {});
  sum += measure_shapes(prediction(), truth(), {}, {});
  EXPECT_EQ(sum.masks, 3);
  EXPECT_EQ(sum.with_spacing, 2);
  EXPECT_EQ(sum.measured, 1);
  EXPECT_EQ(sum.lesions, (LesionCounts{6, 2, 2, 0}));
  EXPECT_EQ(sum.surfaces.alone, 5);
}

TEST(ShapeRow, HasANameForEachScore) {
  const ShapeRow row{0.1, 0.2, 0.3, 4, 5, 6, std::nullopt};
  ASSERT_EQ(shape_names().size(), 7U);
  EXPECT_EQ(*shape_score(row, "lesion_sensitivity"), 0.1);
  EXPECT_EQ(*shape_score(row, "lesion_precision"), 0.2);
  EXPECT_EQ(*shape_score(row, "lesion_f1"), 0.3);
  EXPECT_EQ(*shape_score(row, "false_positives"), 4);
  EXPECT_EQ(*shape_score(row, "hd95_mm"), 5);
  EXPECT_EQ(*shape_score(row, "assd_mm"), 6);
  EXPECT_FALSE(shape_score(row, "surface_dice"));
  EXPECT_FALSE(shape_score(row, "dice"));
}

TEST(ShapeOptions, RefusesValuesThatMeanNothing) {
  const auto refusal = [](const auto& change) {
    ShapeOptions options;
    change(options);
    return complaint(ErrorKind::usage, [&] { options.check(); });
  };
  EXPECT_EQ(refusal([](auto& o) { o.smallest_lesion = 0; }),
            "the smallest lesion is 0, expected 1 pixel or more");
  EXPECT_EQ(refusal([](auto& o) { o.smallest_lesion_mm3 = -1; }),
            "the smallest lesion in mm3 is -1, expected 0 or more");
  EXPECT_EQ(refusal([](auto& o) { o.lesion_overlap = 1.01; }),
            "the share of a lesion to be covered is 1.01, expected 0 to 1");
  EXPECT_EQ(refusal([](auto& o) { o.tolerance_mm = -3; }),
            "the tolerance in mm is -3, expected 0 or more");
  EXPECT_TRUE(says(
      refusal([](auto& o) { o.tolerance_mm = std::numeric_limits<double>::infinity(); }), {"inf"}));
  EXPECT_EQ(refusal([](auto& o) {
              o.picture_spacing_mm = {1, 1, 1};
            }),
            "the count of spacings of a picture is 3, expected 2: rows and columns");
  EXPECT_EQ(refusal([](auto& o) {
              o.picture_spacing_mm = {1, 0};
            }),
            "a spacing in mm is 0, expected a positive number");
  ShapeOptions().check();
}

}  // namespace
}  // namespace groundglass
