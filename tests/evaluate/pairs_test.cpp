#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/evaluate/pairs.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "tests/complaint.h"
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
  const auto items = score_pairs(pairs, {"", "any", 2}, 1);
  EXPECT_EQ(items[0].counts, (Counts{2, 1, 1, 0}));
  EXPECT_FALSE(items[0].has_soft);
  write_png(folder / "out/a/1_probability.png", torch::tensor({{0.25F, 1.0F}, {0.5F, 1.0F}}));
  const auto soft =
      score_pairs(pair_masks(folder / "out", folder / "data/t.csv"), {"", "any", 2}, 1);
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
                   {"is no folder of predictions"}));
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
  EXPECT_TRUE(says(refusal("ref/a.png", "ref"), {"a.png", "no folder of predictions"}));
  EXPECT_TRUE(says(refusal("ref", "nowhere"), {"nowhere", "no such file or folder"}));
  EXPECT_TRUE(
      says(refusal("ref", "ref/a.png"), {"a.png", "neither a folder of masks nor a table"}));
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
                               score_pairs(pairs, {"", "any", 2}, 2);
                             }),
                   {"2 problems", "[2, 1]", "[2, 2]", "another grid"}));
}

}  // namespace
}  // namespace groundglass
