// Marks outside the lungs of CT: which stay, and what is said of those that do not.
#include <gtest/gtest.h>

#include "groundglass/core/json_text.h"
#include "groundglass/predict/segment_in_memory.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/predict/dark_is_lung.h"

namespace groundglass {
namespace {

/// Lungs of -900 HU in columns 8 to 23 of a slice of 64 x 64 that is tissue of -600 elsewhere, and
/// lesions of 0 HU: `inside` rows of two pixels in the lungs' middle, `outside` rows of four far
/// away.
torch::Tensor slice_with(int64_t inside, int64_t outside) {
  auto hu = torch::full({64, 64}, -600, torch::kInt16);
  hu.narrow(0, 8, 48).narrow(1, 8, 16).fill_(-900);
  if (inside > 0) hu.narrow(0, 16, inside).narrow(1, 15, 2).fill_(0);
  if (outside > 0) hu.narrow(0, 16, outside).narrow(1, 48, 4).fill_(0);
  return hu;
}

Segmenter cutting_segmenter(std::optional<Typicality> typicality = {}) {
  Segmenter segmenter = bright_segmenter();
  const LungSource lungs = dark_lungs(std::move(typicality));
  segmenter.keep_near({lungs.network, "dark", "abc"});
  return segmenter;
}

MemoryResult segmented(Segmenter& segmenter, const torch::Tensor& hu) {
  Volume volume;
  volume.voxels = hu.unsqueeze(0).repeat({3, 1, 1});
  volume.geometry.spacing_mm = {1, 1, 10};
  return segment_in_memory(segmenter, volume, {"chest", "bright"});
}

TEST(LungCut, LeavesMarksOutsideTheLungsOutOfMaskAndProbability) {
  Segmenter all = bright_segmenter(), near = cutting_segmenter();
  const auto hu = slice_with(20, 5);
  const MemoryResult before = segmented(all, hu), after = segmented(near, hu);
  EXPECT_EQ(before.summary.lesion_pixels, 3 * 60);
  EXPECT_EQ(before.summary.kept_near, "");
  EXPECT_EQ(after.summary.lesion_pixels, 3 * 40);
  EXPECT_EQ(after.summary.dropped_pixels, 3 * 20);
  EXPECT_NEAR(after.summary.dropped_ml.value(), 3 * 20 * 0.01, 1e-9);
  EXPECT_NEAR(after.summary.lesion_ml.value(), 3 * 40 * 0.01, 1e-9);
  const auto right = [](const torch::Tensor& t) { return t.narrow(-1, 40, 24); };
  EXPECT_EQ(right(after.labels).sum().item<int64_t>(), 0);
  EXPECT_EQ(right(after.probabilities).sum().item<double>(), 0);
  EXPECT_GT(right(before.probabilities).sum().item<double>(), 1);
  const auto left = [](const torch::Tensor& t) { return t.narrow(-2, 8, 48).narrow(-1, 8, 16); };
  EXPECT_TRUE(torch::equal(left(after.labels), left(before.labels)));
  EXPECT_TRUE(torch::equal(left(after.probabilities), left(before.probabilities)));
}

TEST(LungCut, KeepsMarksWithinTheMargin) {
  auto labels = torch::ones({1, 64}, torch::kUInt8);
  auto probability = torch::ones({2, 1, 64});
  auto lungs = torch::zeros({1, 64}, torch::kUInt8);
  lungs[0].slice(0, 20, 30).fill_(2);
  EXPECT_EQ(keep_near_lungs(lungs, 3, labels, probability), 64 - 16);
  EXPECT_EQ(labels[0].slice(0, 17, 33).sum().item<int64_t>(), 16);
  EXPECT_EQ(labels.sum().item<int64_t>(), 16);
  EXPECT_EQ(probability.sum().item<double>(), 2 * 16);
  EXPECT_EQ(keep_near_lungs(torch::zeros_like(lungs), 3, labels, probability), 16)
      << "without a lung nothing stays";
}

TEST(LungCut, KeepsAllMarksInASliceThatIsUnlikeTheLungNetworksTraining) {
  Segmenter segmenter = cutting_segmenter(typicality_of_nothing_like_it());
  const MemoryResult result = segmented(segmenter, slice_with(20, 5));
  EXPECT_EQ(result.summary.lesion_pixels, 3 * 60);
  EXPECT_EQ(result.summary.dropped_pixels, 0);
}

TEST(LungCut, AsksTheLungNetworkOnceWhereItServesTheSharesAsWell) {
  Segmenter segmenter = bright_segmenter();
  const LungSource lungs = dark_lungs();
  segmenter.use_lungs(lungs);
  segmenter.keep_near({lungs.network, "dark", "abc"});
  const CaseSummary c = segmented(segmenter, slice_with(20, 5)).summary;
  EXPECT_EQ(c.dropped_pixels, 3 * 20);
  EXPECT_EQ(c.lungs, "dark");
  EXPECT_NEAR(c.lesion_outside_lungs_ml.value(), 3 * 40 * 0.01, 1e-9)
      << "within the margin, since that network knows no lesion as lung";
}

TEST(LungCut, GoesByItsOwnLungsWhereAnotherNetworkServesTheShares) {
  Segmenter segmenter = bright_segmenter();
  segmenter.use_lungs(dark_lungs());
  segmenter.keep_near({std::make_shared<Segmenter>(bright_segmenter().options()), "bright", "abc"});
  const CaseSummary c = segmented(segmenter, slice_with(20, 5)).summary;
  EXPECT_EQ(c.dropped_pixels, 0) << "what is bright is lung to that network";
  EXPECT_EQ(c.lungs, "dark");
}

TEST(LungCut, IsToldAndWarnedOfWhereItIsMuch) {
  Segmenter segmenter = cutting_segmenter();
  const CaseSummary much = segmented(segmenter, slice_with(20, 5)).summary;
  EXPECT_EQ(
      much.warnings.back(),
      "chest: 33 % of what was marked (0.6 ml) lies outside the lungs that dark found and was "
      "left out; --outside-lungs keep keeps it");
  for (const auto& warning : segmented(segmenter, slice_with(20, 1)).summary.warnings) {
    EXPECT_EQ(warning.find("left out"), std::string::npos) << warning;
  }
  const auto json = case_json(much);
  EXPECT_EQ(json["left_out_outside_lungs"]["lungs"], "dark");
  EXPECT_EQ(json["left_out_outside_lungs"]["pixels"], 60);
  const CaseSummary again = case_summary_of(json);
  EXPECT_EQ(again.kept_near, "dark");
  EXPECT_EQ(again.dropped_pixels, 60);
  EXPECT_EQ(again.dropped_ml, much.dropped_ml);
}

}  // namespace
}  // namespace groundglass
