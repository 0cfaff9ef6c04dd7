// Lobes by the shape of the lungs, and from other programs' label maps.
#include <gtest/gtest.h>

#include <map>

#include "groundglass/core/files.h"
#include "groundglass/core/shared_files.h"
#include "groundglass/io/nifti.h"
#include "groundglass/predict/dicom_measurements.h"
#include "groundglass/predict/lobe_measures.h"
#include "groundglass/predict/segment_in_memory.h"
#include "tests/complaint.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

LobeSource by_shape() {
  const auto atlas = shared_file("models", "ct_lobes.atlas");
  return {.atlas = std::make_shared<LobeAtlas>(LobeAtlas::read(atlas)), .name = "shape"};
}

constexpr int64_t kDepth = 24, kSide = 96;

/// Where the lungs of the phantom are: two ellipsoids, the patient's right one at small x.
bool in_lung(int64_t k, int64_t y, int64_t x, bool right) {
  const auto square = [](double v) { return v * v; };
  const double middle = right ? 26 : 70;
  return square((static_cast<double>(k) - 11.5) / 10.5) +
             square((static_cast<double>(y) - 48) / 34) +
             square((static_cast<double>(x) - middle) / 18) <
         1;
}

/// A body with two lungs of air, feet first, 3 x 3 x 10 mm; the front upper part of the right lung
/// is a lesion.
Volume two_lungs_in_a_body() {
  Volume volume;
  volume.voxels = torch::full({kDepth, kSide, kSide}, -1000, torch::kInt16);
  volume.voxels.narrow(1, 4, 88).narrow(2, 4, 88).fill_(-100);
  auto voxels = volume.voxels.accessor<int16_t, 3>();
  for (int64_t k = 0; k < kDepth; ++k) {
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const bool right = in_lung(k, y, x, true);
        if (right || in_lung(k, y, x, false)) voxels[k][y][x] = -900;
        if (right && k >= 15 && k < 18 && y >= 24 && y < 36) voxels[k][y][x] = 100;
      }
    }
  }
  volume.geometry.spacing_mm = {3, 3, 10};
  return volume;
}

CaseSummary lobes_of_phantom(const LobeSource& lobes, const Volume& volume) {
  SegmenterOptions options = bright_segmenter(kSide).options();
  options.preprocess.window_hu = {-1000, 1000};  // above 0 HU is a lesion
  Segmenter segmenter(options);
  segmenter.use_lungs({.lobes = lobes});
  return segment_in_memory(segmenter, volume, {"chest", "bright"}).summary;
}

const RegionSeverity& region(const CaseSummary& c, const std::string& name) {
  for (const auto& r : c.lobes.value().regions) {
    if (r.region == name) return r;
  }
  throw std::runtime_error(name);
}

/// The phantom's cells, with their lungs.
LungCells cells_of_phantom(std::vector<LungSide>& sides) {
  LungCells cells;
  cells.depth = kDepth;
  cells.height = cells.width = kSide;
  cells.grid.spacing_mm = {3, 3, 10};
  for (int64_t k = 0; k < kDepth; ++k) {
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const bool right = in_lung(k, y, x, true), left = in_lung(k, y, x, false);
        cells.lung.push_back(right || left);
        sides.push_back(right ? LungSide::right : left ? LungSide::left : LungSide::none);
      }
    }
  }
  return cells;
}

TEST(LobeAtlas, LaysLobesAsTheyLieInThePatientHoweverTheGridRuns) {
  std::vector<LungSide> sides;
  LungCells cells = cells_of_phantom(sides);
  const auto lobes = by_shape().atlas->lobes_of(cells, sides, sides);
  std::map<Lobe, std::array<double, 4>> middles;  // k, y, x, count
  size_t at = 0;
  for (int64_t k = 0; k < kDepth; ++k) {
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x, ++at) {
        EXPECT_EQ(lobes[at] == Lobe::none, sides[at] == LungSide::none);
        if (lobes[at] == Lobe::none) continue;
        EXPECT_EQ(lobes[at] <= Lobe::right_lower, sides[at] == LungSide::right);
        auto& m = middles[lobes[at]];
        m[0] += static_cast<double>(k);
        m[1] += static_cast<double>(y);
        m[2] += static_cast<double>(x);
        m[3] += 1;
      }
    }
  }
  ASSERT_EQ(middles.size(), 5U);
  const auto mean = [&](Lobe lobe, size_t axis) { return middles[lobe][axis] / middles[lobe][3]; };
  EXPECT_GT(mean(Lobe::right_upper, 0), mean(Lobe::right_middle, 0));
  EXPECT_GT(mean(Lobe::left_upper, 0), mean(Lobe::left_lower, 0));
  EXPECT_LT(mean(Lobe::right_middle, 1), mean(Lobe::right_lower, 1) - 10);  // in front of it
  EXPECT_LT(mean(Lobe::left_upper, 1), mean(Lobe::left_lower, 1));
  EXPECT_LT(middles[Lobe::right_middle][3], middles[Lobe::right_upper][3]);

  cells.grid.direction = {-1, 0, 0, 0, -1, 0, 0, 0, -1};  // the other end of all three axes
  std::reverse(sides.begin(), sides.end());
  auto turned = by_shape().atlas->lobes_of(cells, sides, sides);
  std::reverse(turned.begin(), turned.end());
  EXPECT_EQ(turned, lobes);
}

TEST(LobeAtlas, WhatIsNoneIsRefused) {
  const ScratchFolder folder;
  write_file(folder / "a.atlas", "lobes");
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { LobeAtlas::read(folder / "a.atlas"); }),
                   {"a.atlas"}));
  const auto other = shared_file("models", "ct_lungs.safetensors");
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { LobeAtlas::read(other); }),
                   {"no lobe atlas", "right.mean"}));
}

TEST(Lobes, ByShapeAreMeasuredAndSurviveTheJournal) {
  const CaseSummary c = lobes_of_phantom(by_shape(), two_lungs_in_a_body());
  EXPECT_EQ(c.lobes_from, "lobes by shape, not by fissures");
  EXPECT_EQ(c.lobes.value().reason, "");
  EXPECT_EQ(c.lobes->scale, "five lobes");
  double ml = 0;
  int64_t infected = 0;
  for (const auto& r : c.lobes->regions) {
    ml += r.ml.value();
    infected += r.count.infected;
  }
  EXPECT_NEAR(ml, c.lung_ml.value(), 1);
  EXPECT_LE(infected, c.lesion_pixels);
  EXPECT_GT(infected, 0.95 * static_cast<double>(c.lesion_pixels));  // a few outside the lungs
  EXPECT_GT(region(c, "right upper").count.infected, 0.9 * static_cast<double>(infected));
  EXPECT_NEAR(region(c, "left upper").mean_hu.value(), -830, 40);  // with the wall, which is closed
  EXPECT_GT(region(c, "right upper").mean_hu.value(), region(c, "left upper").mean_hu.value() + 50);
  const CaseSummary again = case_summary_of(case_json(c));
  EXPECT_EQ(again.lobes_from, c.lobes_from);
  EXPECT_EQ(case_json(again), case_json(c));
}

TEST(Lobes, StandInTheStructuredReportWithTheirSites) {
  const CaseSummary c = lobes_of_phantom(by_shape(), two_lungs_in_a_body());
  const auto report = measurement_report(c, {lesion_meaning("Lung infection")}, {});
  std::map<std::string, double> volumes_ml;
  double score = -1;
  for (const auto& q : report.groups.at(0).quantities) {
    if (q.concept_name.meaning == "Severity of five lobes, 0 to 25") score = q.value;
    if (q.concept_name.meaning != "Volume of the lobe") continue;
    volumes_ml[q.site.value().site.meaning + ", " + q.site->laterality.meaning] = q.value;
  }
  EXPECT_EQ(score, c.lobes->score.value());
  EXPECT_EQ(volumes_ml.size(), 5U);
  EXPECT_EQ(volumes_ml["Middle lobe of right lung, Right"], region(c, "right middle").ml.value());
  EXPECT_EQ(volumes_ml["Lower lobe of lung, Left"], region(c, "left lower").ml.value());
  const auto said = std::any_of(report.remarks.begin(), report.remarks.end(), [](const auto& r) {
    return r.second.starts_with(
        "Found as lobes by shape, not by fissures. Points of a lobe: 0 none");
  });
  EXPECT_TRUE(said);
}

TEST(Lobes, ByShapeOfLungsThatAreCutOffHaveNoNumbers) {
  Volume volume = two_lungs_in_a_body();
  volume.voxels = volume.voxels.narrow(0, 0, 12).contiguous();
  const CaseSummary c = lobes_of_phantom(by_shape(), volume);
  EXPECT_FALSE(c.lobes.value().score);
  EXPECT_EQ(c.lobes->reason, "the lungs reach the first or the last slice");
  EXPECT_FALSE(c.lobes->regions[0].ml);
}

/// The phantom's lobes as another program labels them; upper ones are the upper half, and the right
/// middle one is in front below.
LabelMap labelled(int64_t first, const Geometry& geometry) {
  LabelMap map{torch::zeros({kDepth, kSide, kSide}, torch::kUInt8), geometry};
  auto labels = map.labels.accessor<uint8_t, 3>();
  for (int64_t k = 0; k < kDepth; ++k) {
    for (int64_t y = 0; y < kSide; ++y) {
      for (int64_t x = 0; x < kSide; ++x) {
        const bool right = in_lung(k, y, x, true);
        if (!right && !in_lung(k, y, x, false)) continue;
        const int64_t lobe = k >= 12 ? 0 : right && y < 48 ? 1 : right ? 2 : 1;
        labels[k][y][x] = static_cast<uint8_t>(first + lobe + (right ? 2 : 0));
      }
    }
  }
  return map;
}

TEST(Lobes, OfLungmaskAndTotalSegmentatorAreTakenHoweverTheyAreStored) {
  const ScratchFolder folder;
  const Volume volume = two_lungs_in_a_body();
  LabelMap lungmask = labelled(1, volume.geometry);
  write_label_volume(folder / "lungmask.nii.gz", lungmask);
  LabelMap total = labelled(10, volume.geometry);
  total.labels[0].narrow(0, 80, 4).fill_(69);  // another organ
  total.labels = total.labels.flip({0, 1}).contiguous();
  total.geometry.origin_mm = {0, 3.0 * (kSide - 1), 10.0 * (kDepth - 1)};
  total.geometry.direction = {1, 0, 0, 0, -1, 0, 0, 0, -1};
  write_label_volume(folder / "total.nii.gz", total);
  for (const char* name : {"lungmask.nii.gz", "total.nii.gz"}) {
    const std::string file = folder / name;
    const CaseSummary c = lobes_of_phantom({.file = file, .name = file}, volume);
    EXPECT_EQ(c.lobes_from, file);
    EXPECT_EQ(region(c, "right upper").count.infected, c.lesion_pixels) << name;
    EXPECT_EQ(region(c, "right upper").count.voxels, (lungmask.labels == 3).sum().item<int64_t>());
    EXPECT_EQ(region(c, "left lower").count.voxels, (lungmask.labels == 2).sum().item<int64_t>());
    EXPECT_NEAR(region(c, "left lower").mean_hu.value(), -900, 60);
    EXPECT_EQ(c.lobes->score, lobe_points(region(c, "right upper").count));
  }
}

TEST(Lobes, OfAFileThatDoesNotFitAreRefused) {
  const ScratchFolder folder;
  const Volume volume = two_lungs_in_a_body();
  const auto refusal = [&](const LabelMap& map) {
    const std::string file = folder / "lobes.nii.gz";
    write_label_volume(file, map);
    return complaint(ErrorKind::data, [&] { lobes_of_phantom({.file = file}, volume); });
  };
  LabelMap map = labelled(1, volume.geometry);
  map.labels = map.labels.narrow(0, 0, 20).contiguous();
  EXPECT_TRUE(says(refusal(map), {"lobes.nii.gz", "20 x 96 x 96", "expected", "24 x 96 x 96"}));
  map = labelled(1, volume.geometry);
  map.geometry.origin_mm[0] += 3;
  EXPECT_TRUE(says(refusal(map), {"lies elsewhere", "expected its grid", "resample"}));
  map = labelled(1, volume.geometry);
  map.labels.clamp_max_(2);
  EXPECT_TRUE(says(refusal(map), {"no label 3", "lungmask", "TotalSegmentator"}));
  map = labelled(1, volume.geometry);
  map.labels = map.labels.flip({2}).contiguous();
  EXPECT_TRUE(says(refusal(map), {"do not lie as lobes do", "right ones to the right"}));
  map = labelled(1, volume.geometry);
  map.labels = map.labels.flip({0}).contiguous();
  EXPECT_TRUE(says(refusal(map), {"do not lie as lobes do", "upper ones above"}));
}

}  // namespace
}  // namespace groundglass
