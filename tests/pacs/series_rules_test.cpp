#include "groundglass/pacs/series_rules.h"

#include <gtest/gtest.h>

#include "tests/pacs/ct_files.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

SeriesFacts ct(double thickness_mm, const std::string& kernel, int64_t images = 100) {
  SeriesFacts facts;
  facts.uid = "1.2." + std::to_string(images);
  facts.modality = "CT";
  facts.image_type = "ORIGINAL\\PRIMARY\\AXIAL";
  facts.kernel = kernel;
  facts.images = images;
  facts.thickness_mm = thickness_mm;
  facts.tilt_degrees = 0;
  return facts;
}

TEST(SeriesRules, TheThinnestAndThenTheSoftestIsChosen) {
  EXPECT_EQ(best_series({ct(5, "B30f"), ct(1, "B70f"), ct(1.02, "B30f")}, {}), 2);
  EXPECT_EQ(best_series({ct(1, "B30f", 90), ct(1, "B30f", 120)}, {}), 1);
  EXPECT_EQ(best_series({ct(0, "B30f"), ct(3, "B70f")}, {}), 1);
  EXPECT_EQ(best_series({ct(8, "B30f")}, {}), -1);
  EXPECT_EQ(best_series({}, {}), -1);
}

TEST(SeriesRules, SayWhyASeriesIsKeptOut) {
  EXPECT_EQ(why_not_chosen(ct(1, "B30f"), {}), "");
  EXPECT_EQ(why_not_chosen(ct(8, "B30f"), {}), "slices of 8 mm, expected 5 or less");
  EXPECT_EQ(why_not_chosen(ct(1, "B30f", 19), {}), "19 images, expected 20 or more");
  auto odd = ct(1, "B30f");
  odd.image_type = "ORIGINAL\\PRIMARY\\LOCALIZER";
  EXPECT_EQ(why_not_chosen(odd, {}), "ImageType holds LOCALIZER");
  odd = ct(1, "B30f");
  odd.tilt_degrees = 90;
  EXPECT_EQ(why_not_chosen(odd, {}), "slices 90 degrees from axial, expected 30 or less");
  odd.tilt_degrees = -1;
  EXPECT_EQ(why_not_chosen(odd, {}), "no ImageOrientationPatient");
  odd.modality = "MR";
  EXPECT_EQ(why_not_chosen(odd, {}), "modality 'MR', expected CT, CR and DX");
}

TEST(SeriesRules, EachXrayIsChosenBesideTheBestVolume) {
  SeriesFacts xray;
  xray.modality = "DX";
  xray.images = 1;
  const std::vector<SeriesFacts> study = {xray, ct(5, "B30f"), ct(1, "B30f"), xray};
  EXPECT_EQ(chosen_series(study, {}), (std::vector<size_t>{0, 2, 3}));
  EXPECT_EQ(best_series(study, {}), 2);
  SeriesRule ct_alone;
  ct_alone.modalities = {"CT"};
  EXPECT_EQ(chosen_series(study, ct_alone), (std::vector<size_t>{2}));
  EXPECT_EQ(why_not_chosen(xray, ct_alone), "modality 'DX', expected CT");
}

TEST(SeriesRules, ReadWhatTheFirstImageSays) {
  const ScratchFolder scratch;
  write_cts(scratch / "series", 3);
  const auto facts = series_facts(scratch / "series", "1.2.3.4");
  EXPECT_EQ(facts.images, 3);
  EXPECT_EQ(facts.modality, "CT");
  EXPECT_EQ(facts.kernel, "B30f");
  EXPECT_DOUBLE_EQ(facts.thickness_mm, 2);
  EXPECT_NEAR(facts.tilt_degrees, 0, 1e-6);
}

}  // namespace
}  // namespace groundglass
