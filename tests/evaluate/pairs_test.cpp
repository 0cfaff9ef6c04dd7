#include <gtest/gtest.h>

#include <cmath>

#include "groundglass/core/files.h"
#include "groundglass/evaluate/pairs.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "tests/complaint.h"
#include "tests/io/picture_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

torch::Tensor mask_of(std::vector<int64_t> values) {
  return torch::tensor(values, torch::kInt64).to(torch::kUInt8).view({2, -1});
}

TEST(PairMasks, FollowsTheTablesRelativePaths) {
  const ScratchFolder folder;
  write_png(folder / "data/a/1.png", mask_of({0, 0, 0, 0}));
  write_png(folder / "data/a/1_m.png", mask_of({0, 255, 255, 255}));
  write_file(folder / "data/t.csv",
             "image,infection,domain,patient,case\na/1.png,a/1_m.png,d,p,c\n");
  write_png(folder / "out/a/1_mask.png", mask_of({255, 255, 0, 255}));
  const auto pairs = pair_masks(folder / "out", folder / "data/t.csv");
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].domain, "d");
  const auto items = score_pairs(pairs, {"", MaskLabels::any, 2}, 1);
  EXPECT_EQ(items[0].counts, (Counts{2, 1, 1, 0}));
  EXPECT_FALSE(items[0].has_soft);
  write_png(folder / "out/a/1_probability.png", torch::tensor({{0.25F, 1.0F}, {0.5F, 1.0F}}));
  const auto soft =
      score_pairs(pair_masks(folder / "out", folder / "data/t.csv"), {"", MaskLabels::any, 2}, 1);
  ASSERT_TRUE(soft[0].has_soft);
  EXPECT_NEAR(soft[0].soft.overlap, 2.5, 1e-4);
  EXPECT_NEAR(soft[0].soft.probability, 2.75, 1e-4);
}

TEST(PairMasks, ListsEveryReferenceWithoutAPrediction) {
  const ScratchFolder folder;
  for (const char* name : {"x", "y", "z"}) {
    write_png(folder / ("ref/" + std::string(name) + ".png"), mask_of({0, 1}));
  }
  write_png(folder / "out/y_mask.png", mask_of({0, 1}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { pair_masks(folder / "out", folder / "ref"); }),
                   {"2 problems", "x.png: has no prediction", "z.png: has no prediction"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { pair_masks(folder / "no", folder / "ref"); }),
                   {"no such folder of predictions"}));
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { pair_masks(folder / "out/y_mask.png", folder / "ref"); }),
      {"y_mask.png: is a file", "expected a folder of predictions", "of its own"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { pair_masks(folder / "out", folder / "ref/x.png"); }),
           {"x.png: is neither a folder of masks nor a table", "of its own"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { pair_masks(folder / "out", folder / "no"); }),
                   {"no such file"}));
}

TEST(PairMasks, RefusesWhatIsNoFolderOfMasks) {
  const ScratchFolder folder;
  write_png(folder / "ref/a.png", mask_of({0, 1, 0, 1}));
  const auto refusal = [&](const std::string& predictions, const std::string& references) {
    return complaint(ErrorKind::data,
                     [&] { pair_masks(folder / predictions, folder / references); });
  };
  EXPECT_TRUE(says(refusal("ref/a.png", "ref"), {"a.png", "is a file, expected a folder"}));
  EXPECT_TRUE(says(refusal("ref", "nowhere"), {"nowhere", "no such file or folder"}));
  EXPECT_TRUE(
      says(refusal("ref", "ref/a.png"), {"a.png", "neither a folder of masks nor a table"}));
}

TEST(PairMasks, RefusesOnePredictionForTwoReferences) {
  const ScratchFolder folder;
  write_png(folder / "out/x_mask.png", mask_of({0, 1, 0, 1}));
  write_png(folder / "ref/x.png", mask_of({0, 1, 0, 1}));
  write_png(folder / "ref/x_mask.png", mask_of({0, 1, 0, 1}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { pair_masks(folder / "out", folder / "ref"); }),
                   {"ref/x_mask.png: has the prediction", "out/x_mask.png", "ref/x.png has, too"}));
}

TEST(ScorePairs, RefusesMasksOfAnotherSizeOrGrid) {
  const ScratchFolder folder;
  write_png(folder / "ref/a.png", mask_of({0, 1, 0, 1}));
  write_png(folder / "out/a_mask.png", mask_of({0, 1}));
  LabelMap map{torch::zeros({2, 3, 4}, torch::kUInt8), {}};
  write_label_volume(folder / "ref/v.nii.gz", map);
  map.geometry.origin_mm = {5, 0, 0};
  write_label_volume(folder / "out/v_mask.nii.gz", map);
  const auto pairs = pair_masks(folder / "out", folder / "ref");
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               score_pairs(pairs, {"", MaskLabels::any, 2}, 2);
                             }),
                   {"2 problems", "[2, 1]", "[2, 2]", "another grid"}));
}

/// Keeps the warnings.
class WarningListener final : public Observer {
 public:
  void on(const Warning& w) override { warnings.push_back(w.message); }
  using Observer::on;
  std::vector<std::string> warnings;
};

TEST(ScorePairs, MeasuresVolumesByTheirOwnSpacing) {
  const ScratchFolder folder;
  LabelMap reference{torch::zeros({3, 4, 6}, torch::kUInt8), {}}, moved = reference;
  moved.labels = reference.labels.clone();
  reference.labels[1][1][1] = 1;
  moved.labels[2][3][4] = 1;  // a slice, two rows and three columns away
  reference.geometry.spacing_mm = moved.geometry.spacing_mm = {0.5, 2, 8};
  write_label_volume(folder / "ref/v.nii.gz", reference);
  write_label_volume(folder / "out/v_mask.nii.gz", moved);
  const auto pairs = pair_masks(folder / "out", folder / "ref");
  WarningListener listener;
  const auto items = score_pairs(pairs, {"", MaskLabels::any, 2}, 1, listener);
  EXPECT_NEAR(*hausdorff95_mm(items[0].shapes->surfaces), std::sqrt(64 + 16 + 2.25), 1e-5);
  EXPECT_EQ(items[0].shapes->lesions, (LesionCounts{1, 0, 1, 1}));
  EXPECT_TRUE(listener.warnings.empty());
  ShapeOptions speck;
  speck.smallest_lesion_mm3 = 8.1;  // a voxel takes up 8
  const auto without = score_pairs(pairs, {"", MaskLabels::any, 2}, 1, listener, speck);
  EXPECT_EQ(without[0].shapes->lesions, LesionCounts{});
  ShapeOptions flat;
  flat.picture_spacing_mm = {1, 1};
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               score_pairs(pairs, {"", MaskLabels::any, 2}, 1, listener, flat);
                             }),
                   {"given for pictures", "every mask is a volume"}));
}

TEST(ScorePairs, WarnsOfVoxelsOfOneMillimetre) {
  const ScratchFolder folder;
  const LabelMap map{torch::ones({2, 3, 4}, torch::kUInt8), {}};
  for (const char* name : {"a", "b"}) {
    write_label_volume(folder / ("ref/" + std::string(name) + ".nii.gz"), map);
    write_label_volume(folder / ("out/" + std::string(name) + "_mask.nii.gz"), map);
  }
  WarningListener listener;
  score_pairs(pair_masks(folder / "out", folder / "ref"), {"", MaskLabels::any, 2}, 2, listener);
  ASSERT_EQ(listener.warnings.size(), 1U);
  EXPECT_TRUE(says(listener.warnings[0], {".nii.gz and 1 more", "1 x 1 x 1 mm", "not known"}));
}

TEST(ScorePairs, MeasuresPicturesOnlyWithAGivenSpacing) {
  const ScratchFolder folder;
  write_png(folder / "ref/a.png", mask_of({1, 0, 0, 0, 0, 0}));
  write_png(folder / "out/a_mask.png", mask_of({0, 0, 0, 0, 0, 255}));  // a row, two columns away
  const auto pairs = pair_masks(folder / "out", folder / "ref");
  const auto blind = score_pairs(pairs, {"", MaskLabels::any, 2}, 1);
  EXPECT_EQ(blind[0].shapes->with_spacing, 0);
  EXPECT_FALSE(hausdorff95_mm(blind[0].shapes->surfaces));
  EXPECT_EQ(blind[0].shapes->lesions, (LesionCounts{1, 0, 1, 1}));
  ShapeOptions options;
  options.picture_spacing_mm = {3, 2};
  const auto measured = score_pairs(pairs, {"", MaskLabels::any, 2}, 1, silent_observer(), options);
  EXPECT_NEAR(*hausdorff95_mm(measured[0].shapes->surfaces), 5, 1e-6);
  options.smallest_lesion_mm3 = 10;
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage,
                     [&] {
                       score_pairs(pairs, {"", MaskLabels::any, 2}, 1, silent_observer(), options);
                     }),
           {"a.png: is a picture", "for volumes", "in pixels"}));
}

TEST(ScorePairs, CountsClassByClass) {
  const ScratchFolder folder;
  write_png(folder / "ref/a.png", mask_of({0, 1, 2, 2, 255, 1}));
  write_png(folder / "out/a_mask.png", mask_of({1, 1, 2, 1, 2, 0}));
  const auto pairs = pair_masks(folder / "out", folder / "ref");
  const auto items = score_pairs(pairs, {"", MaskLabels::classes, 3}, 1);
  EXPECT_EQ(items[0].counts, (Counts{3, 1, 1, 0}));
  ASSERT_EQ(items[0].classes.size(), 2U);
  EXPECT_EQ(items[0].classes[0], (Counts{1, 2, 1, 1}));
  EXPECT_EQ(items[0].classes[1], (Counts{1, 0, 1, 3}));
  const std::vector<DataOptions> without = {
      {"", MaskLabels::any, 2}, {"", MaskLabels::any, 3}, {"", MaskLabels::classes, 64}};
  EXPECT_TRUE(score_pairs(pairs, without[0], 1)[0].classes.empty());
  EXPECT_TRUE(score_pairs(pairs, without[1], 1)[0].classes.empty());
  EXPECT_EQ(score_pairs(pairs, without[2], 1)[0].classes.size(), 63U);
}

TEST(ScorePairs, CountsASingleClassOnce) {
  const ScratchFolder folder;
  write_png(folder / "ref/a.png", mask_of({0, 1, 1, 0}));
  write_png(folder / "out/a_mask.png", mask_of({0, 1, 0, 0}));
  const auto items =
      score_pairs(pair_masks(folder / "out", folder / "ref"), {"", MaskLabels::classes, 2}, 1);
  EXPECT_EQ(items[0].counts, (Counts{1, 0, 1, 2}));
  EXPECT_TRUE(items[0].classes.empty());
}

TEST(ScorePairs, TurnsTheMasksOfTurnedPictures) {
  const ScratchFolder folder;
  constexpr int kQuarter = 6;
  const auto seen =
      mask_of({0, 255, 255, 255, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}).reshape({4, 4});
  const auto lying = as_stored(seen, kQuarter).contiguous();
  const auto turned = [&](const std::string& name, const torch::Tensor& pixels) {
    write_png(folder / name, pixels);
    write_file(folder / name, turned_png(read_file(folder / name), kQuarter));
  };
  turned("data/x.png", lying);
  write_png(folder / "out/x_mask.png", lying);  // as predict writes it: on the file's own grid
  write_png(folder / "out/x_probability.png", lying.to(torch::kFloat32) / 255);
  const Counts whole{6, 0, 0, 10};
  for (const bool tells : {false, true}) {  // drawn on the stored pixels, or turned as its picture
    if (tells) {
      turned("data/m.png", lying);
    } else {
      write_png(folder / "data/m.png", lying);
    }
    write_file(folder / "data/t.csv", "image,infection\nx.png,m.png\n");
    WarningListener listener;
    const auto items = score_pairs(pair_masks(folder / "out", folder / "data/t.csv"),
                                   {"", MaskLabels::any, 2}, 1, listener);
    EXPECT_EQ(listener.warnings.size(), tells ? 0U : 1U);
    EXPECT_EQ(items[0].counts, whole) << tells;
    EXPECT_NEAR(items[0].soft.overlap, 6, 1e-3) << tells;
  }
  turned("ref/x.png", lying);  // a folder of masks, where no picture is known
  const auto items =
      score_pairs(pair_masks(folder / "out", folder / "ref"), {"", MaskLabels::any, 2}, 1);
  EXPECT_EQ(items[0].counts, whole);
}

TEST(ScorePairs, TakesClassNumbersAndMasksOfOneClassForOneForeground) {
  const ScratchFolder folder;
  write_png(folder / "ref/a.png", mask_of({0, 255, 255, 0}));
  write_png(folder / "out/a_mask.png", mask_of({0, 1, 2, 1}));
  const auto pairs = pair_masks(folder / "out", folder / "ref");
  EXPECT_EQ(score_pairs(pairs, {"", MaskLabels::any, 2}, 1)[0].counts, (Counts{2, 1, 0, 1}));
  EXPECT_EQ(score_pairs(pairs, {"", MaskLabels::binary, 2}, 1)[0].counts, (Counts{2, 1, 0, 1}));
}

TEST(ScorePairs, RefusesPredictionsThatKnowNoClasses) {
  const ScratchFolder folder;
  write_png(folder / "ref/a.png", mask_of({0, 1, 2, 0}));
  const auto refusal = [&](const std::vector<int64_t>& predicted) {
    write_png(folder / "out/a_mask.png", mask_of(predicted));
    return complaint(ErrorKind::data, [&] {
      score_pairs(pair_masks(folder / "out", folder / "ref"), {"", MaskLabels::classes, 3}, 1);
    });
  };
  const std::string binary = refusal({0, 255, 255, 0});
  EXPECT_TRUE(says(binary, {"out/a_mask.png: holds the value 255", "class numbers below 3",
                            "predict with --classes", "--labels any"}));
  EXPECT_EQ(binary.find('\n'), std::string::npos);
  EXPECT_TRUE(says(refusal({0, 1, 3, 7}), {"a_mask.png", "labels 3 and 7", "below 3"}));
}

}  // namespace
}  // namespace groundglass
