#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/evaluate/detection_tables.h"
#include "groundglass/evaluate/severity.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

DetectedImage image_of(const std::string& patient, bool positive, double highest, Counts pixels) {
  return {patient + ".png", patient, "d",   positive ? "infected" : "normal",
          positive,         highest, pixels};
}

/// Two folds of two infected and two other images; one of each is called wrongly in fold 0.
std::vector<DetectionFold> folds() {
  DetectionFold a;
  a.threshold = 0.5;
  a.cutoff = 0.25;
  a.ms_per_image = 2;
  a.images = {image_of("p0", true, 0.9, {6, 2, 2, 90}), image_of("p1", true, 0.3, {0, 0, 4, 96}),
              image_of("p2", false, 0.6, {0, 5, 0, 95}),
              image_of("p3", false, 0.1, {0, 0, 0, 100})};
  a.truth_bins = {0, 4, 8};
  a.rest_bins = {300, 81, 7};
  DetectionFold b = a;
  b.fold = 1;
  b.ms_per_image = 4;
  b.images = {image_of("q0", true, 0.8, {4, 0, 0, 96}), image_of("q1", true, 0.7, {3, 1, 1, 95}),
              image_of("q2", false, 0.2, {0, 0, 0, 100}),
              image_of("q3", false, 0.1, {0, 0, 0, 100})};
  return {a, b};
}

TEST(Detection, CountsImagesWithAnyInfectedPixelOverAllFolds) {
  EXPECT_EQ(images_at_threshold(folds()), (Counts{3, 1, 1, 3}));
}

TEST(Detection, CountsImagesAtTheCutoffOfTheirFold) {
  EXPECT_EQ(images_at_cutoff(folds()), (Counts{4, 1, 0, 3}));
}

TEST(Detection, AveragesPixelScoresOverTheFolds) {
  const auto scores = mean_pixel_scores(folds());
  // Fold 0: TP 6, FP 7, FN 6; fold 1: TP 7, FP 1, FN 1.
  EXPECT_NEAR(*scores[0], (6.0 / 12 + 7.0 / 8) / 2, 1e-12);
  EXPECT_NEAR(*scores[2], (6.0 / 13 + 7.0 / 8) / 2, 1e-12);
  EXPECT_NEAR(*scores[3], (12.0 / 25 + 14.0 / 16) / 2, 1e-12);
  EXPECT_NEAR(*scores[6], *auc_of_bins({0, 4, 8}, {300, 81, 7}), 1e-12);
}

TEST(Detection, DrawsPatientsForItsIntervals) {
  const auto images = image_intervals(folds());
  ASSERT_TRUE(images[0].has_value());
  EXPECT_LT(images[0]->low, 0.75);
  EXPECT_DOUBLE_EQ(images[0]->high, 1);
  EXPECT_FALSE(images[6].has_value());
}

TEST(Detection, IsReadBackAsItWasWritten) {
  ScratchFolder folder;
  write_detection_fold(folder / "detection.json", folds()[0]);
  const auto back = read_detection_fold(folder / "detection.json");
  EXPECT_EQ(back.images.size(), 4U);
  EXPECT_EQ(back.images[0].pixels, (Counts{6, 2, 2, 90}));
  EXPECT_EQ(back.images[2].patient, "p2");
  EXPECT_TRUE(back.images[0].positive);
  EXPECT_DOUBLE_EQ(back.cutoff, 0.25);
  EXPECT_EQ(back.truth_bins, folds()[0].truth_bins);
  EXPECT_NE(read_file(folder / "detection.json").find("different sources"), std::string::npos);
  write_file(folder / "detection.json", "{\"fold\": 1}");
  EXPECT_TRUE(says(
      complaint(ErrorKind::checkpoint, [&] { read_detection_fold(folder / "detection.json"); }),
      {"detection.json", "is damaged"}));
}

TEST(Detection, RefusesLabelsThatCannotBeScored) {
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [] {
                               check_labels({"", ""}, {"infected"});
                             }),
                   {"no image has a label", "column 'label'"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [] {
                               check_labels({"infected", "normal"}, {"covid"});
                             }),
                   {"'covid'", "infected and normal"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [] {
                               check_labels({"infected", "infected"}, {"infected"});
                             }),
                   {"one class only", "2 infected", "0 others"}));
}

TEST(DetectionTables, StandBesideThePapersNumbersWithTheWarning) {
  const DetectionRow row{"unet", "U-Net", "DenseNet-121", "not frozen", 60, folds()};
  PrintedDetection printed;
  printed.detection["unet"] = {0.9837, 0.9805, 0.9225, 0.9521, 0.9708, 0.9812};
  printed.confusion["unet"] = {12300, 244, 48, 2903};
  printed.ms["unet"] = {2.58};
  const auto strict = detection_tables({row}, printed, Protocol::strict);
  std::string text;
  for (const auto& table : strict.tables) text += to_markdown(table);
  EXPECT_TRUE(says(text, {"98.37", "12300", "75.00 (4.2e-01)", "2.58", "3.00", "different sources",
                          "chosen on validation", "Wilson, images"}));
  EXPECT_EQ(strict.tables.size(), 7U);
  EXPECT_EQ(detection_tables({row}, printed, Protocol::paper).tables.size(), 6U);
  EXPECT_TRUE(says(strict.csv, {"detection,unet,sensitivity,0.75,0.9837,"}));
  EXPECT_EQ(strict.json["rows"][0]["confusion"]["tp"], 3);
  EXPECT_EQ(strict.json["rows"][0]["confusion_at_validation_cutoff"]["tp"], 4);
  EXPECT_TRUE(strict.json["rows"][0]["segmentation"]["AUC"]["printed"].is_null());
}

TEST(Brixia, IsTheSumOfSixZones) {
  EXPECT_EQ(brixia_sum("0 2 2 0 2 3", "t.csv:2"), 9);
  for (const char* wrong : {"0 2 2 0 2", "0 2 2 0 2 4", "0 2 2 0 2 x", "", "0  2 2 0 2 2"}) {
    EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { brixia_sum(wrong, "t.csv:2"); }),
                     {"t.csv:2", "six zone scores"}));
  }
}

TEST(Severity, CorrelatesRanksAndDrawsPatients) {
  std::vector<SeverityPair> pairs;
  for (int i = 0; i < 12; ++i) {
    pairs.push_back({"p" + std::to_string(i / 2), 0.01 * i, static_cast<double>(i * i)});
  }
  const auto agreement = severity_agreement(pairs);
  EXPECT_DOUBLE_EQ(*agreement.spearman, 1);
  EXPECT_DOUBLE_EQ(agreement.interval->low, 1);
  EXPECT_EQ(agreement.images, 12);
  EXPECT_EQ(agreement.patients, 6);
  EXPECT_FALSE(severity_agreement({}).spearman.has_value());
}

}  // namespace
}  // namespace groundglass
