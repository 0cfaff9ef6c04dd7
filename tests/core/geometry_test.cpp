#include "groundglass/core/geometry_text.h"

#include <cmath>

#include <gtest/gtest.h>

namespace groundglass {
namespace {

using Point = std::array<double, 3>;

void expect_near(const Point& found, const Point& expected, double tolerance = 1e-12) {
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(found[i], expected[i], tolerance) << i;
}

/// Columns are the index axes i, j, k.
Geometry with_axes(const Point& i, const Point& j, const Point& k) {
  Geometry g;
  g.direction = {i[0], j[0], k[0], i[1], j[1], k[1], i[2], j[2], k[2]};
  return g;
}

TEST(Geometry, PlacesVoxelsByOriginSpacingAndDirection) {
  Geometry g = with_axes({0, 1, 0}, {-1, 0, 0}, {0, 0, 1});  // i to the back, j to the right
  g.spacing_mm = {0.5, 2, 5};
  g.origin_mm = {-100, 20, 7};
  expect_near(to_patient_mm(g, {0, 0, 0}), {-100, 20, 7});
  expect_near(to_patient_mm(g, {10, 0, 0}), {-100, 25, 7});
  expect_near(to_patient_mm(g, {0, 10, 0}), {-120, 20, 7});
  expect_near(to_patient_mm(g, {1, 2, 3}), {-104, 20.5, 22});
  expect_near(to_patient_mm(g, {0.5, 0, -1}), {-100, 20.25, 2});
  EXPECT_DOUBLE_EQ(voxel_mm3(g), 5);
}

TEST(Geometry, AgreesWithinAToleranceInMillimetres) {
  const Geometry a;
  Geometry b = a;
  EXPECT_TRUE(same_geometry(a, b));
  b.origin_mm[1] += 5e-4;
  EXPECT_TRUE(same_geometry(a, b));
  b.origin_mm[1] += 6e-4;
  EXPECT_FALSE(same_geometry(a, b));
  EXPECT_TRUE(same_geometry(a, b, 2e-3));
  b = a;
  b.spacing_mm[2] = 1.01;
  EXPECT_FALSE(same_geometry(a, b));
  b = a;
  b.direction[0] = -1;
  EXPECT_FALSE(same_geometry(a, b));
  b = a;
  b.spacing_mm[0] = 2;  // twice the step along half the axis is the same step
  b.direction[0] = 0.5;
  EXPECT_TRUE(same_geometry(a, b));
}

TEST(Orientation, KnowsFlippedAndPermutedGrids) {
  EXPECT_EQ(orientation({}), Orientation{});
  const Orientation flipped = orientation(with_axes({-1, 0, 0}, {0, -1, 0}, {0, 0, 1}));
  EXPECT_EQ(flipped, (Orientation{{0, 1, 2}, {true, true, false}}));
  const Orientation coronal = orientation(with_axes({1, 0, 0}, {0, 0, -1}, {0, 1, 0}));
  EXPECT_EQ(coronal, (Orientation{{0, 2, 1}, {false, true, false}}));
  const Orientation sagittal = orientation(with_axes({0, 1, 0}, {0, 0, -1}, {-1, 0, 0}));
  EXPECT_EQ(sagittal, (Orientation{{1, 2, 0}, {false, true, true}}));
}

// At exactly oblique angles two axes compete; each patient axis is still named once.
TEST(Orientation, NamesEachPatientAxisOnceOnObliqueGrids) {
  const double c = std::cos(0.7), s = std::sin(0.7);  // 40 degrees about z
  EXPECT_EQ(orientation(with_axes({c, s, 0}, {-s, c, 0}, {0, 0, 1})), Orientation{});
  const double h = std::sqrt(0.5);
  const auto even = orientation(with_axes({h, h, 0}, {-h, h, 0}, {0, 0, -1}));
  EXPECT_NE(even.patient_axis[0], even.patient_axis[1]);
  EXPECT_EQ(even.patient_axis[2], 2);
  EXPECT_TRUE(even.reversed[2]);
  // The third axis lies nearest to y (0.8), so that the second, though nearer to y than to z, is z.
  const auto tilted = orientation(with_axes({1, 0, 0}, {0, 0.6, 0.55}, {0, 0.8, -0.6}));
  EXPECT_EQ(tilted.patient_axis, (std::array<int, 3>{0, 2, 1}));
  EXPECT_EQ(tilted.reversed, (std::array<bool, 3>{false, false, false}));
}

TEST(Geometry, MeasuresVoxelsOfTiltedGrids) {
  const double tilt = std::acos(0.8);
  Geometry g = with_axes({1, 0, 0}, {0, 1, 0}, {0, std::sin(tilt), std::cos(tilt)});
  g.spacing_mm = {0.5, 2, 5};
  EXPECT_NEAR(voxel_mm3(g), 0.8 * 5, 1e-12);  // a slice every 4 mm
  g.direction = {0, 1, 0, -1, 0, 0, 0, 0, 1};
  EXPECT_EQ(voxel_mm3(g), 5);
}

TEST(Geometry, MeasuresAndMendsSkewedAxes) {
  EXPECT_DOUBLE_EQ(skewness({}), 0);
  const double s = std::sin(0.1), c = std::cos(0.1);  // the third axis leans over, as with a gantry
  Geometry leaning = with_axes({1, 0, 0}, {0, 1, 0}, {0, s, c});
  leaning.spacing_mm = {0.7, 0.7, 5};
  leaning.origin_mm = {1, 2, 3};
  EXPECT_NEAR(skewness(leaning), s, 1e-12);
  const Geometry mended = orthonormalised(leaning);
  EXPECT_NEAR(skewness(mended), 0, 1e-15);
  EXPECT_EQ(mended.spacing_mm, leaning.spacing_mm);
  EXPECT_EQ(mended.origin_mm, leaning.origin_mm);
  for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(mended.direction[i], i % 4 == 0 ? 1 : 0, 1e-12) << i;
}

TEST(Geometry, MakesUnitAxesOfAnyThatAreIndependent) {
  const Geometry odd = with_axes({2, 0.1, 0}, {0.3, -1, 0.2}, {0.1, 0.2, -3});
  const Geometry g = orthonormalised(odd);
  EXPECT_LT(skewness(g), 1e-14);
  for (size_t c = 0; c < 3; ++c) {
    double length = 0, along = 0;
    for (size_t row = 0; row < 3; ++row) {
      length += g.direction[3 * row + c] * g.direction[3 * row + c];
      along += g.direction[3 * row + c] * odd.direction[3 * row + c];
    }
    EXPECT_NEAR(length, 1, 1e-14);
    EXPECT_GT(along, 0);  // no axis is turned round
  }
  const double length = std::sqrt(4.01);  // the first axis keeps its direction
  EXPECT_NEAR(g.direction[0], 2 / length, 1e-14);
  EXPECT_NEAR(g.direction[3], 0.1 / length, 1e-14);
}

TEST(Geometry, DescribesItselfInLettersOfTheBody) {
  Geometry g;
  g.spacing_mm = {0.7, 0.7, 5};
  EXPECT_EQ(describe(g), "0.70 x 0.70 x 5.00 mm, axes L P S");
  Geometry turned = with_axes({0, -1, 0}, {0, 0, -1}, {-1, 0, 0});
  EXPECT_EQ(describe(turned), "1.00 x 1.00 x 1.00 mm, axes A I R");
}

TEST(Geometry, TellsTwoGridsApartByWhatDiffers) {
  const Geometry g;
  Geometry thick = g, moved = g, tilted = g;
  thick.spacing_mm[2] = 5;
  EXPECT_EQ(descriptions_apart(g, thick).second, "1.00 x 1.00 x 5.00 mm, axes L P S");
  moved.origin_mm[2] = -7.5;
  EXPECT_EQ(descriptions_apart(g, moved).first,
            "1.00 x 1.00 x 1.00 mm, axes L P S, first voxel at 0.00 0.00 0.00 mm");
  EXPECT_EQ(descriptions_apart(g, moved).second,
            "1.00 x 1.00 x 1.00 mm, axes L P S, first voxel at 0.00 0.00 -7.50 mm");
  tilted.direction[7] = 0.1;
  const auto [straight, oblique] = descriptions_apart(g, tilted);
  EXPECT_NE(straight, oblique);
  EXPECT_NE(oblique.find("directions 1.0000 0.0000"), std::string::npos) << oblique;
}

}  // namespace
}  // namespace groundglass
