#include <gtest/gtest.h>

#include "groundglass/adapt/certainty.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

constexpr int64_t kPaperArea = 512 * 512;

/// A slice of so many marked pixels, with so much certainty.
SliceCertainty slice(double index, int64_t pixels = 1000, const std::string& patient = "p",
                     double agreement = 1) {
  SliceCertainty s;
  s.patient = patient;
  s.index = {index, pixels};
  s.agreement = agreement;
  return s;
}

AdaptOptions everything() {
  AdaptOptions options;
  options.share = 1;
  options.limit = 0;
  return options;
}

// SPEC-003 section 7.
TEST(CertaintyIndex, IsTheMeanProbabilityAboveTheCutoff) {
  const auto ci = certainty_index(torch::tensor({0.2, 0.3, 0.31, 0.9}, torch::kFloat64), 0.3);
  EXPECT_NEAR(ci.index, 0.605, 1e-12);
  EXPECT_EQ(ci.pixels, 2);  // .3 itself is not above .3
}

TEST(CertaintyIndex, IsZeroWhereNothingIsMarked) {
  const auto ci = certainty_index(torch::full({4, 4}, 0.3), 0.5);
  EXPECT_EQ(ci.index, 0);
  EXPECT_EQ(ci.pixels, 0);
}

TEST(CertaintyIndex, SumsManyPixelsExactlyEnough) {
  const auto ci = certainty_index(torch::full({1024, 1024}, 0.7F), 0.5);
  EXPECT_NEAR(ci.index, static_cast<double>(0.7F), 1e-9);
}

TEST(Agreement, IsSharedOverCoveredPixels) {
  const auto a = torch::tensor({1, 1, 1, 0}, torch::kBool),
             b = torch::tensor({0, 1, 1, 0}, torch::kBool);
  EXPECT_DOUBLE_EQ(agreement_of(torch::stack({a, b}).unsqueeze(1)), 2.0 / 3);
  EXPECT_EQ(agreement_of(torch::zeros({2, 3, 3}, torch::kBool)), 0);
  EXPECT_EQ(agreement_of(torch::stack({a}).unsqueeze(1)), 1);
}

TEST(Agreement, OfSeveralClassesIsOnTheClassToo) {
  const auto a = torch::tensor({0, 1, 2, 2}, torch::kUInt8).view({1, 4});
  const auto b = torch::tensor({0, 1, 1, 0}, torch::kUInt8).view({1, 4});
  EXPECT_DOUBLE_EQ(agreement_of(torch::stack({a, b})), 1.0 / 3);
}

TEST(Selection, LeavesOutSlicesWithFewerThanFiftyMarkedPixels) {
  const auto selection = select_slices({slice(0.9, 49), slice(0.8, 50)}, everything(), kPaperArea);
  EXPECT_EQ(selection.chosen, (std::vector<int64_t>{1}));
  EXPECT_EQ(selection.fates[0], SliceFate::too_small);
}

TEST(Selection, ScalesTheFiftyPixelsByTheArea) {
  // 128 x 128 is a sixteenth: 3.125 pixels.
  const auto selection = select_slices({slice(0.9, 3), slice(0.8, 4)}, everything(), 128 * 128);
  EXPECT_EQ(selection.chosen, (std::vector<int64_t>{1}));
}

TEST(Selection, NeverTakesASliceWithoutAnyMarkedPixel) {
  AdaptOptions options = everything();
  options.min_pixels = 0;
  EXPECT_TRUE(select_slices({slice(0, 0)}, options, kPaperArea).chosen.empty());
}

TEST(Selection, TakesTheMostCertainFirstAndKeepsTheOrderOfTies) {
  const auto selection =
      select_slices({slice(0.7), slice(0.9), slice(0.7), slice(0.95), slice(0.9), slice(0.7)},
                    everything(), kPaperArea);
  EXPECT_EQ(selection.chosen, (std::vector<int64_t>{3, 1, 4, 0, 2, 5}));
}

TEST(Selection, KeepsTheOrderOfManyTies) {
  std::vector<SliceCertainty> slices;
  std::vector<int64_t> wanted;
  for (int64_t i = 0; i < 200; ++i) {  // more than a sort treats by insertion
    slices.push_back(slice(i % 2 == 0 ? 0.8 : 0.9));
    if (i % 2 == 1) wanted.push_back(i);
  }
  for (int64_t i = 0; i < 200; i += 2) wanted.push_back(i);
  EXPECT_EQ(select_slices(slices, everything(), kPaperArea).chosen, wanted);
}

TEST(Selection, TakesTheShareOfAllSlicesRoundedUp) {
  AdaptOptions options = everything();
  options.share = 0.2;
  std::vector<SliceCertainty> slices;
  for (int i = 0; i < 11; ++i) slices.push_back(slice(0.9 - 0.01 * i, i < 2 ? 1 : 1000));
  const auto selection = select_slices(slices, options, kPaperArea);
  EXPECT_EQ(selection.asked, 3);  // ceil(2.2): slices that are too small count
  EXPECT_EQ(selection.chosen, (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(selection.fates[5], SliceFate::beyond_share);
}

TEST(Selection, TakesACertaintyThatReachesTheLimit) {
  AdaptOptions options = everything();
  options.limit = 0.9;
  const auto selection = select_slices({slice(0.9), slice(0.89)}, options, kPaperArea);
  EXPECT_EQ(selection.chosen, (std::vector<int64_t>{0}));
  EXPECT_EQ(selection.fates[1], SliceFate::below_limit);
}

TEST(Selection, CanGoFromPatientToPatient) {
  AdaptOptions options = everything();
  options.spread = Spread::patients;
  options.share = 0.5;
  const auto selection =
      select_slices({slice(0.95, 100, "a"), slice(0.94, 100, "a"), slice(0.93, 100, "a"),
                     slice(0.8, 100, "b"), slice(0.7, 100, "b"), slice(0.6, 100, "c")},
                    options, kPaperArea);
  EXPECT_EQ(selection.chosen, (std::vector<int64_t>{0, 3, 5}));
}

TEST(Selection, CanRankByTheAgreementOfViews) {
  AdaptOptions options = everything();
  options.views = 2;
  options.certainty = Certainty::agreement;
  const std::vector<SliceCertainty> slices = {slice(0.9, 100, "a", 0.5), slice(0.8, 100, "a", 0.9)};
  EXPECT_EQ(select_slices(slices, options, kPaperArea).chosen, (std::vector<int64_t>{1, 0}));
  options.certainty = Certainty::product;
  EXPECT_EQ(select_slices(slices, options, kPaperArea).chosen, (std::vector<int64_t>{1, 0}));
  options.certainty = Certainty::index;
  EXPECT_EQ(select_slices(slices, options, kPaperArea).chosen, (std::vector<int64_t>{0, 1}));
  options.agreement_limit = 0.6;
  EXPECT_EQ(select_slices(slices, options, kPaperArea).chosen, (std::vector<int64_t>{1}));
}

TEST(Selection, CountsCertaintyInTwentyBinsWithoutTheSmallSlices) {
  const auto selection = select_slices({slice(0.52), slice(0.98), slice(1.0), slice(0.97, 3)},
                                       everything(), kPaperArea);
  ASSERT_EQ(selection.histogram.size(), 20U);
  EXPECT_EQ(selection.histogram[10], 1);
  EXPECT_EQ(selection.histogram[19], 2);
}

TEST(AdaptOptions, RefusesWhatItDoesNotKnow) {
  const auto refused = [](const auto& change) {
    AdaptOptions options;
    change(options);
    return complaint(ErrorKind::recipe, [&] { options.check(); });
  };
  EXPECT_TRUE(says(refused([](auto& o) { o.views = 3; }), {"views is 3", "1, 2 or 4"}));
  EXPECT_TRUE(says(refused([](auto& o) { o.band_low = 0.8; }), {"0.8", "0.7", "rising"}));
  EXPECT_TRUE(says(refused([](auto& o) { o.certainty = Certainty::product; }), {"views is 1"}));
  EXPECT_TRUE(says(refused([](auto& o) { o.agreement_limit = 0.5; }), {"views is 1"}));
  EXPECT_TRUE(says(refused([](auto& o) { o.rounds = 0; }), {"nothing would change"}));
}

}  // namespace
}  // namespace groundglass
