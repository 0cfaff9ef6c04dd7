// Hand values; those of the ellipsoids are of tools/reference/surface_distances.py.
#include "groundglass/metrics/lesions.h"

#include <limits>

#include <torch/types.h>

#include "tests/complaint.h"
#include "tests/metrics/ellipsoids.h"

namespace groundglass {
namespace {

// Three lesions of 4, 3 and 1 pixels; the prediction covers two pixels of the first, none of the
// second, all of the third, and adds one of 2 pixels in the lower right.
const auto kTrueLesions = torch::tensor({{1, 1, 0, 0, 2, 0},
                                         {1, 1, 0, 0, 2, 0},
                                         {0, 0, 0, 0, 2, 0},
                                         {0, 0, 0, 0, 0, 0},
                                         {0, 1, 0, 0, 0, 0}});
const auto kFoundLesions = torch::tensor({{0, 1, 1, 0, 0, 0},
                                          {0, 1, 1, 0, 0, 0},
                                          {0, 0, 0, 0, 0, 0},
                                          {0, 0, 0, 0, 0, 0},
                                          {0, 1, 0, 0, 2, 2}});

TEST(CountLesions, CountsWhatIsFoundAndWhatIsAdded) {
  const LesionCounts c = count_lesions(kFoundLesions, kTrueLesions);
  EXPECT_EQ(c, (LesionCounts{3, 2, 3, 1}));
  EXPECT_DOUBLE_EQ(*lesion_sensitivity(c), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*lesion_precision(c), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*lesion_f1(c), 4.0 / 6);  // 2 * 2 / (2 * 2 + 1 missed + 1 added)
}

TEST(CountLesions, AsksForTheShareThatIsCovered) {
  EXPECT_EQ(count_lesions(kFoundLesions, kTrueLesions, {1, 0.5}).found,
            2);  // half of the first is enough
  EXPECT_EQ(count_lesions(kFoundLesions, kTrueLesions, {1, 0.51}), (LesionCounts{3, 1, 3, 1}));
  EXPECT_EQ(count_lesions(kTrueLesions, kTrueLesions, {1, 1}), (LesionCounts{3, 3, 3, 0}));
}

TEST(CountLesions, LeavesOutSpecks) {
  EXPECT_EQ(count_lesions(kFoundLesions, kTrueLesions, {2, 0}), (LesionCounts{2, 1, 2, 1}));
  EXPECT_EQ(count_lesions(kFoundLesions, kTrueLesions, {3, 0}), (LesionCounts{2, 1, 1, 0}));
  EXPECT_EQ(count_lesions(kFoundLesions, kTrueLesions, {4, 0}), (LesionCounts{1, 1, 1, 0}));
}

// The predicted bar lies on a speck only: it is no lesion that was found, and no false alarm.
TEST(CountLesions, DoesNotBlameAPieceOnASpeck) {
  const auto speck = torch::tensor({{0, 0, 0, 0}, {0, 1, 0, 0}});
  const auto bar = torch::tensor({{0, 0, 0, 0}, {1, 1, 1, 1}});
  EXPECT_EQ(count_lesions(bar, speck, {2, 0}), (LesionCounts{0, 0, 1, 0}));
  EXPECT_EQ(count_lesions(speck, bar, {2, 0}), (LesionCounts{1, 1, 0, 0}));  // covered by a speck
}

TEST(CountLesions, TakesManyToOneAndOneToMany) {
  const auto bar = torch::tensor({{1, 1, 1, 1, 1}});
  const auto ends = torch::tensor({{1, 0, 1, 0, 1}});
  const LesionCounts in_pieces = count_lesions(ends, bar), at_once = count_lesions(bar, ends);
  EXPECT_EQ(in_pieces, (LesionCounts{1, 1, 3, 0}));
  EXPECT_EQ(at_once, (LesionCounts{3, 3, 1, 0}));
  EXPECT_EQ(*lesion_precision(in_pieces), 1);
  EXPECT_EQ(*lesion_precision(at_once), 1);
  EXPECT_EQ(*lesion_f1(in_pieces), 1);
  EXPECT_EQ(*lesion_f1(at_once), 1);
}

TEST(CountLesions, LeavesIgnoredPixelsOut) {
  auto truth = kTrueLesions.clone();
  truth.slice(0, 4, 5).slice(1, 4, 6).fill_(255);  // below the false alarm
  EXPECT_EQ(count_lesions(kFoundLesions, truth), (LesionCounts{3, 2, 2, 0}));
  EXPECT_EQ(count_lesions(kFoundLesions, torch::full_like(kTrueLesions, 255)), LesionCounts{});
}

TEST(CountLesions, JoinsThroughSlices) {
  const auto truth = torch::stack({kTrueLesions, torch::zeros_like(kTrueLesions), kTrueLesions});
  const auto column = torch::ones_like(truth);
  EXPECT_EQ(count_lesions(torch::zeros_like(truth), truth), (LesionCounts{6, 0, 0, 0}));
  EXPECT_EQ(count_lesions(column, truth), (LesionCounts{6, 6, 1, 0}));
  EXPECT_EQ(count_lesions(truth, torch::stack({kTrueLesions, kTrueLesions, kTrueLesions})),
            (LesionCounts{3, 3, 6, 0}));
}

TEST(CountLesions, AgreesWithSciPy) {
  const auto [prediction, truth] = ellipsoids();
  EXPECT_EQ(count_lesions(prediction, truth), (LesionCounts{2, 1, 2, 1}));
  EXPECT_EQ(count_lesions(prediction, truth, {1, 310.0 / 519}).found, 1);
  EXPECT_EQ(count_lesions(prediction, truth, {1, 311.0 / 519}).found, 0);
  EXPECT_EQ(count_lesions(prediction, truth, {34, 0}).reference, 1);  // the sphere has 33
  const auto [flat, flat_truth] = ellipses();
  EXPECT_EQ(count_lesions(flat, flat_truth), (LesionCounts{2, 2, 2, 0}));
}

TEST(CountLesions, SaysNothingOfWhatIsNotThere) {
  const LesionCounts none = count_lesions(torch::zeros({3, 4}), torch::zeros({3, 4}));
  EXPECT_EQ(none, LesionCounts{});
  EXPECT_FALSE(lesion_sensitivity(none) || lesion_precision(none) || lesion_f1(none));
  EXPECT_FALSE(lesion_sensitivity({0, 0, 2, 2}));
  EXPECT_EQ(*lesion_precision({0, 0, 2, 2}), 0);
  EXPECT_EQ(*lesion_f1({0, 0, 2, 2}), 0);
  EXPECT_EQ(*lesion_sensitivity({2, 0, 0, 0}), 0);
  EXPECT_FALSE(lesion_precision({2, 0, 0, 0}));
}

TEST(CountLesions, CanBeAdded) {
  LesionCounts sum{1, 2, 3, 4};
  sum += {10, 20, 30, 40};
  EXPECT_EQ(sum, (LesionCounts{11, 22, 33, 44}));
}

TEST(CountLesions, RefusesOptionsThatMeanNothing) {
  const auto refusal = [](const LesionOptions& options) {
    return complaint(ErrorKind::usage,
                     [&] { count_lesions(kFoundLesions, kTrueLesions, options); });
  };
  EXPECT_EQ(refusal({0, 0}), "the smallest lesion is 0 pixels, expected 1 or more");
  EXPECT_TRUE(says(refusal({1, 1.5}), {"must be covered is 1.5", "0 to 1"}));
  EXPECT_TRUE(says(refusal({1, -0.1}), {"-0.1"}));
  EXPECT_TRUE(says(refusal({1, std::numeric_limits<double>::quiet_NaN()}), {"0 to 1"}));
  EXPECT_EQ(complaint(ErrorKind::usage, [] { count_lesions(kFoundLesions, kTrueLesions.t()); }),
            "prediction is [5, 6] and truth is [6, 5], expected equal shapes [H,W] or [D,H,W]");
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [] { count_lesions(torch::zeros({4}), torch::zeros({4})); }),
           {"[4]", "[H,W] or [D,H,W]"}));
}

}  // namespace
}  // namespace groundglass
