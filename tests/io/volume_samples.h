#pragma once

#include <array>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "groundglass/io/image.h"

namespace groundglass {

/// An empty folder of its own for each test, removed afterwards.
class VolumeTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::path(testing::TempDir()) /
             (std::string(test->test_suite_name()) + "_" + test->name());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
};

/// A grid that is turned about all three axes.
inline Geometry oblique_grid() {
  const double a = 0.3, b = -0.2, c = 0.15;  // radians about x, y, z
  const double ca = std::cos(a), sa = std::sin(a), cb = std::cos(b), sb = std::sin(b),
               cc = std::cos(c), sc = std::sin(c);
  Geometry g;
  g.spacing_mm = {0.7, 0.8, 2.5};
  g.origin_mm = {-120.5, 33.25, -401.125};
  g.direction = {cb * cc,
                 sa * sb * cc - ca * sc,
                 ca * sb * cc + sa * sc,
                 cb * sc,
                 sa * sb * sc + ca * cc,
                 ca * sb * sc - sa * cc,
                 -sb,
                 sa * cb,
                 ca * cb};
  return g;
}

/// Axes along the patient's, with some of them running backwards; three give a mirrored grid.
inline Geometry flipped_grid(bool w, bool h, bool d) {
  Geometry g;
  g.spacing_mm = {0.7, 0.8, 2.5};
  g.origin_mm = {10, -20, 30};
  g.direction = {w ? -1.0 : 1.0, 0, 0, 0, h ? -1.0 : 1.0, 0, 0, 0, d ? -1.0 : 1.0};
  return g;
}

inline std::vector<Geometry> all_kinds_of_grids() {
  Geometry coronal;  // slices run from front to back
  coronal.spacing_mm = {0.7, 2.5, 0.8};
  coronal.direction = {1, 0, 0, 0, 0, 1, 0, -1, 0};
  return {Geometry{},
          oblique_grid(),
          coronal,
          flipped_grid(true, true, false),
          flipped_grid(false, false, true),
          flipped_grid(true, true, true)};
}

/// Air with a bright box off the centre, so that no flip or swap of axes goes unseen.
/// [5,6,7] int16, HU.
inline torch::Tensor box_in_air() {
  auto voxels = torch::full({5, 6, 7}, -1000, torch::kInt16);
  voxels.slice(0, 3, 5).slice(1, 1, 3).slice(2, 4, 7).fill_(50);
  voxels[3][1][4] = 300;
  return voxels;
}

/// A different number in every voxel: -1000 upwards.
inline torch::Tensor counted_voxels(int64_t d, int64_t h, int64_t w) {
  return (torch::arange(d * h * w, torch::kInt32).view({d, h, w}) - 1000).to(torch::kInt16);
}

/// Centre of mass of what is brighter than -500, in the patient, mm.
inline std::array<double, 3> centroid_mm(const torch::Tensor& voxels, const Geometry& geometry) {
  const auto found = torch::nonzero(voxels > -500).to(torch::kFloat64).mean(0);  // k, j, i
  return to_patient_mm(geometry,
                       {found[2].item<double>(), found[1].item<double>(), found[0].item<double>()});
}

inline void expect_near(const std::array<double, 3>& a, const std::array<double, 3>& b,
                        double tolerance) {
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "axis " << i;
}

inline void expect_same_grid(const Geometry& a, const Geometry& b, double tolerance = 1e-4) {
  EXPECT_TRUE(same_geometry(a, b, tolerance)) << describe(a) << " and " << describe(b);
  expect_near(a.origin_mm, b.origin_mm, tolerance);
  expect_near(a.spacing_mm, b.spacing_mm, tolerance);
}

inline void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}

inline Volume volume_in_hu(const torch::Tensor& voxels, const Geometry& geometry) {
  return {voxels, geometry, Units::hu, 255, {}};
}

}  // namespace groundglass
