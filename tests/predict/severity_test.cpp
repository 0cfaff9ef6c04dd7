#include "groundglass/predict/severity.h"

#include <gtest/gtest.h>

namespace groundglass {
namespace {

TEST(Severity, PointsChangeExactlyAtTheirBounds) {
  const auto lobe = [](int64_t n) { return lobe_points({n, 1000}); };
  EXPECT_EQ(lobe(0), 0);
  EXPECT_EQ(lobe(1), 1);
  EXPECT_EQ(lobe(49), 1);
  EXPECT_EQ(lobe(50), 2);
  EXPECT_EQ(lobe(250), 2);
  EXPECT_EQ(lobe(251), 3);  // between published 25 and 26 %
  EXPECT_EQ(lobe(499), 3);
  EXPECT_EQ(lobe(500), 4);
  EXPECT_EQ(lobe(750), 4);
  EXPECT_EQ(lobe(751), 5);
  EXPECT_EQ(lobe(1000), 5);
  const auto zone = [](int64_t n) { return zone_points({n, 1000}); };
  EXPECT_EQ(zone(0), 0);
  EXPECT_EQ(zone(1), 1);
  EXPECT_EQ(zone(249), 1);
  EXPECT_EQ(zone(250), 2);
  EXPECT_EQ(zone(499), 2);
  EXPECT_EQ(zone(500), 3);
  EXPECT_EQ(zone(749), 3);
  EXPECT_EQ(zone(750), 4);
  const auto xray = [](int64_t n) { return xray_points({n, 1000}); };
  EXPECT_EQ(xray(0), 0);
  EXPECT_EQ(xray(249), 1);
  EXPECT_EQ(xray(250), 2);
  EXPECT_EQ(xray(499), 2);
  EXPECT_EQ(xray(500), 3);
  EXPECT_EQ(xray(750), 3);
  EXPECT_EQ(xray(751), 4);
}

TEST(Severity, LobesAreSummedAndAMissingOneGivesNoScore) {
  EXPECT_EQ(
      severity_of_lobes({{{1, 1000}, {60, 1000}, {300, 1000}, {600, 1000}, {900, 1000}}}).score,
      1 + 2 + 3 + 4 + 5);
  const Severity lacking = severity_of_lobes({{{0, 10}, {0, 0}, {0, 10}, {0, 10}, {0, 10}}});
  EXPECT_FALSE(lacking.score);
  EXPECT_EQ(lacking.reason, "no lung was found in the region right middle");
}

/// Two lungs of 8 x 10 cells of 4 mm, 12 slices of 5 mm, with `border` empty slices at both ends.
LungCells two_lungs(int64_t border = 2) {
  LungCells cells;
  cells.depth = 12 + 2 * border;
  cells.height = 14;
  cells.width = 24;
  cells.grid.spacing_mm = {4, 4, 5};
  for (int64_t k = 0; k < cells.depth; ++k) {
    for (int64_t j = 0; j < cells.height; ++j) {
      for (int64_t i = 0; i < cells.width; ++i) {
        const bool in_slice = k >= border && k < 12 + border && j >= 2 && j < 12;
        cells.lung.push_back(in_slice && ((i >= 2 && i < 10) || (i >= 14 && i < 22)));
      }
    }
  }
  return cells;
}

void infect(LungCells& cells, int64_t k_from, int64_t k_to, int64_t i_from, int64_t i_to) {
  for (int64_t at = 0; at < static_cast<int64_t>(cells.lung.size()); ++at) {
    const int64_t k = at / (cells.height * cells.width), i = at % cells.width;
    if (!cells.lung[static_cast<size_t>(at)] || k < k_from || k >= k_to || i < i_from ||
        i >= i_to) {
      continue;
    }
    cells.lesion_cells.push_back(at);
    cells.lesion_voxels.push_back(16);
  }
}

TEST(Severity, ZonesAreThirdsOfEachLung) {
  LungCells cells = two_lungs();
  infect(cells, 2, 4, 2, 10);  // right (x is small), half of the lower third
  const Severity severity = severity_of_zones(cells);
  ASSERT_EQ(severity.regions.size(), 6U);
  EXPECT_EQ(severity.regions[0].region, "right upper");
  EXPECT_EQ(severity.regions[2].region, "right lower");
  for (const auto& region : severity.regions) EXPECT_EQ(region.count.voxels, 4 * 80 * 16);
  EXPECT_EQ(severity.regions[2].count.infected, 2 * 80 * 16);
  EXPECT_EQ(severity.regions[2].points, 3);
  EXPECT_EQ(severity.score, 3);
}

TEST(Severity, ZonesTellTheMeanHuOfTheirLesions) {
  LungCells cells = two_lungs();
  infect(cells, 2, 4, 2, 10);
  EXPECT_FALSE(severity_of_zones(cells).regions[2].lesion_mean_hu);  // not known
  cells.lesion_hu.assign(cells.lesion_cells.size(), -400);
  cells.lesion_hu[0] = -560;
  const Severity severity = severity_of_zones(cells);
  EXPECT_NEAR(*severity.regions[2].lesion_mean_hu, -401, 1e-6);  // one of 160 cells
  EXPECT_FALSE(severity.regions[0].lesion_mean_hu);
}

TEST(Severity, ZonesFollowThePatientAndNotTheOrderOfSlicesOrColumns) {
  LungCells cells = two_lungs();
  infect(cells, 2, 4, 2, 10);
  cells.grid.direction = {-1, 0, 0, 0, 1, 0, 0, 0, -1};  // both ends are swapped: left, upper
  const Severity severity = severity_of_zones(cells);
  EXPECT_EQ(severity.regions[3].region, "left upper");
  EXPECT_EQ(severity.regions[3].count.infected, 2 * 80 * 16);
  EXPECT_EQ(severity.score, 3);
}

TEST(Severity, TouchingLungsAreCutAtTheNarrowestPlaneAndTheWindpipeAddsNoHeight) {
  LungCells cells = two_lungs(6);
  const auto at = [&](int64_t k, int64_t j, int64_t i) {
    return static_cast<size_t>((k * cells.height + j) * cells.width + i);
  };
  for (int64_t i = 10; i < 14; ++i) cells.lung[at(8, 6, i)] = true;   // a bridge
  for (int64_t k = 18; k < 24; ++k) cells.lung[at(k, 6, 12)] = true;  // a windpipe above
  const Severity severity = severity_of_zones(cells);
  EXPECT_EQ(severity.reason, "");
  EXPECT_NEAR(static_cast<double>(severity.regions[1].count.voxels), 4 * 80 * 16, 8 * 16);
  EXPECT_NEAR(static_cast<double>(severity.regions[4].count.voxels), 4 * 80 * 16, 8 * 16);
}

TEST(Severity, LungsThatAreCutOffOrMissingGiveNoScoreAndTheReason) {
  const Severity cut = severity_of_zones(two_lungs(0));
  EXPECT_FALSE(cut.score);
  EXPECT_EQ(cut.reason, "the lungs reach the first or the last slice");
  EXPECT_FALSE(cut.regions[0].points);
  const Severity none = severity_of_zones({});
  EXPECT_FALSE(none.score);
  EXPECT_EQ(none.reason, "no lungs were found");
}

}  // namespace
}  // namespace groundglass
