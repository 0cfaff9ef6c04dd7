// Who says what lung is, for the shares of it.
#include <gtest/gtest.h>

#include "groundglass/io/nifti.h"
#include "groundglass/predict/segment_in_memory.h"
#include "tests/complaint.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dark_is_lung.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// Tissue of -600 HU around lungs of 12 x 20 and 12 x 32 pixels of -900, in the first of which 48
/// pixels are a lesion of 0 HU; four slices of 1 x 2 x 5 mm.
Volume chest() {
  Volume volume;
  volume.voxels = torch::full({4, 64, 64}, -600, torch::kInt16);
  volume.voxels.narrow(1, 20, 20).narrow(2, 8, 12).fill_(-900);
  volume.voxels.narrow(1, 20, 32).narrow(2, 44, 12).fill_(-900);
  volume.voxels.narrow(1, 20, 4).narrow(2, 8, 12).fill_(0);
  volume.geometry.spacing_mm = {1, 2, 5};
  return volume;
}

CaseSummary summary_with(LungSource lungs) {
  Segmenter segmenter = bright_segmenter();
  segmenter.use_lungs(std::move(lungs));
  return segment_in_memory(segmenter, chest(), {"chest", "bright"}).summary;
}

constexpr double kVoxelMl = 0.01;

TEST(Lungs, OfANetworkAreMeasuredSideBySide) {
  const CaseSummary c = summary_with(dark_lungs());
  EXPECT_EQ(c.lungs, "dark");
  EXPECT_NEAR(c.right_lung_ml.value(), 4 * 192 * kVoxelMl, 1e-9);
  EXPECT_NEAR(c.left_lung_ml.value(), 4 * 384 * kVoxelMl, 1e-9);
  EXPECT_NEAR(c.lung_ml.value(), 4 * 624 * kVoxelMl, 1e-9);  // with the lesion
  EXPECT_NEAR(c.lesion_outside_lungs_ml.value(), 4 * 48 * kVoxelMl, 1e-9);
  EXPECT_NEAR(c.lesion_fraction_of_lung.value(), 48 / 624.0, 1e-9);
}

TEST(Lungs, OfANetworkLeaveOutSmallPiecesAndKeepWhatAPictureCuts) {
  Volume volume = chest();
  volume.voxels[0].narrow(0, 56, 4).narrow(1, 8, 4).fill_(-900);  // bowel gas, say
  volume.voxels.narrow(1, 20, 32).narrow(2, 56, 8).fill_(-900);   // the left lung up to the border
  Segmenter segmenter = bright_segmenter();
  segmenter.use_lungs(dark_lungs());
  const CaseSummary c = segment_in_memory(segmenter, volume, {"chest", "bright"}).summary;
  EXPECT_NEAR(c.right_lung_ml.value(), 4 * 192 * kVoxelMl, 1e-9);
  EXPECT_NEAR(c.left_lung_ml.value(), 4 * 32 * 20 * kVoxelMl, 1e-9);
}

TEST(Lungs, OfANetworkThatKnowsNoSuchPicturesAreTheThresholdsAndAWarning) {
  const CaseSummary c = summary_with(dark_lungs(typicality_of_nothing_like_it()));
  EXPECT_NE(c.lungs, "dark");
  EXPECT_FALSE(c.right_lung_ml);
  EXPECT_TRUE(says(c.warnings.at(0), {"chest", "unlike what dark was trained on", "threshold's"}));
}

TEST(Lungs, OfAFileAreItsClassNumbers) {
  const ScratchFolder folder;
  const Volume volume = chest();
  LabelMap lungs{torch::zeros({4, 64, 64}, torch::kUInt8), volume.geometry};
  lungs.labels.narrow(1, 20, 25).narrow(2, 8, 12).fill_(3);
  write_label_volume(folder / "lungs.nii.gz", lungs);
  const std::string file = folder / "lungs.nii.gz";
  const CaseSummary c = summary_with({.from = LungsFrom::file, .name = file, .file = file});
  EXPECT_EQ(c.lungs, file);
  EXPECT_NEAR(c.lung_ml.value(), 4 * 300 * kVoxelMl, 1e-9);
  EXPECT_NEAR(c.lesion_outside_lungs_ml.value(), 0, 1e-9);

  lungs.labels = lungs.labels.narrow(0, 0, 3).contiguous();
  write_label_volume(folder / "short.nii.gz", lungs);
  const std::string small = folder / "short.nii.gz";
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { summary_with({.from = LungsFrom::file, .file = small}); }),
      {"short.nii.gz", "3 x 64 x 64", "expected", "4 x 64 x 64"}));
}

TEST(Lungs, OfNobodyHaveNoShare) {
  const CaseSummary c = summary_with({.from = LungsFrom::none, .name = "none"});
  EXPECT_TRUE(c.lungs.empty());
  EXPECT_TRUE(c.lesion_ml);
  EXPECT_FALSE(c.lung_ml || c.lesion_fraction_of_lung);
}

TEST(Lesions, PartAtAnAttenuationThatIsAThresholdAndNoReading) {
  Volume volume = chest();
  volume.voxels.narrow(1, 20, 4).narrow(2, 8, 12).fill_(-301);
  volume.voxels.narrow(1, 20, 1).narrow(2, 8, 12).fill_(-300);
  const auto parts = [&](double split_hu) {
    CaseNames names{"chest", "bright"};
    names.split_hu = split_hu;
    Segmenter segmenter = bright_segmenter();
    return segment_in_memory(segmenter, volume, names).summary;
  };
  const CaseSummary c = parts(kSplitHu);
  EXPECT_EQ(c.by_hu->split_hu, -300);
  EXPECT_NEAR(c.by_hu->below_ml, 4 * 36 * kVoxelMl, 1e-9);
  EXPECT_NEAR(c.by_hu->from_there_ml, 4 * 12 * kVoxelMl, 1e-9);
  EXPECT_NEAR(parts(-301).by_hu->from_there_ml, 4 * 48 * kVoxelMl, 1e-9);
  EXPECT_NEAR(parts(0).by_hu->from_there_ml, 0, 1e-9);
  EXPECT_EQ(case_json(c)["by_hu"]["note"], "a threshold, not a reading");
  EXPECT_EQ(case_summary_of(case_json(c)).by_hu->below_ml, c.by_hu->below_ml);
}

TEST(Lungs, SurviveTheJournal) {
  const CaseSummary c = summary_with(dark_lungs());
  const CaseSummary again = case_summary_of(case_json(c));
  EXPECT_EQ(again.lungs, c.lungs);
  EXPECT_EQ(again.right_lung_ml, c.right_lung_ml);
  EXPECT_EQ(again.lesion_outside_lungs_ml, c.lesion_outside_lungs_ml);
}

}  // namespace
}  // namespace groundglass
