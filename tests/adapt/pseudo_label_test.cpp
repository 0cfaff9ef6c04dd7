#include <gtest/gtest.h>

#include "groundglass/adapt/pseudo_label.h"
#include "groundglass/core/task.h"

namespace groundglass {
namespace {

torch::Tensor foreground(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64).view({1, 1, -1});
}

std::vector<int64_t> labelled(const torch::Tensor& p, const AdaptOptions& options,
                              double cutoff = 0.5, const ClassLimits& limits = {}) {
  const auto mask = pseudo_mask(p, cutoff, options, limits, 7).to(torch::kInt64).flatten();
  return {mask.data_ptr<int64_t>(), mask.data_ptr<int64_t>() + mask.numel()};
}

TEST(PseudoMask, IsHardAboveTheCutoff) {
  EXPECT_EQ(labelled(foreground({0.2, 0.5, 0.51, 0.9}), {}), (std::vector<int64_t>{0, 0, 1, 1}));
}

TEST(PseudoMask, LeavesMiddlingProbabilitiesOutOfTheBand) {
  AdaptOptions options;
  options.labels = PseudoLabels::band;
  EXPECT_EQ(labelled(foreground({0.2, 0.3, 0.4, 0.6, 0.7, 0.9}), options),
            (std::vector<int64_t>{0, 0, kIgnoreLabel, kIgnoreLabel, 1, 1}));
}

TEST(PseudoMask, TakesTheLikeliestOfSeveralClasses) {
  const auto p = torch::tensor({0.1, 0.6, 0.1, 0.2, 0.1, 0.7}, torch::kFloat64).view({2, 1, 3});
  EXPECT_EQ(labelled(p, {}), (std::vector<int64_t>{0, 1, 2}));
}

TEST(PseudoMask, KeepsTheSurestPixelsOfEachClass) {
  // Foreground .6 .7 .8 .9, background 1 - P of .95 .85 .75 .65: half of each is kept.
  const auto p = foreground({0.601, 0.701, 0.801, 0.901, 0.049, 0.149, 0.249, 0.349});
  ConfidenceHistogram confidences;
  confidences.add(marked_pixels(p, 0.5));
  const ClassLimits limits = confidences.limits(0.5);
  EXPECT_NEAR(limits.at(1), 0.801, 1e-9);
  EXPECT_NEAR(limits.at(0), 0.851, 1e-9);
  AdaptOptions options;
  options.labels = PseudoLabels::balanced;
  const int64_t x = kIgnoreLabel;
  EXPECT_EQ(labelled(p, options, 0.5, limits), (std::vector<int64_t>{x, x, 1, 1, 0, 0, x, x}));
}

/// Three pixels of two foreground classes: surely 1, hardly 2 (background .3, class 1 .25), 0.
torch::Tensor two_classes() {
  return torch::tensor({0.9, 0.25, 0.05, 0.05, 0.45, 0.2}, torch::kFloat64).view({2, 1, 3});
}

TEST(PseudoMask, OfSeveralClassesGoesByTheLikeliest) {
  const MarkedPixels marked = marked_pixels(two_classes(), 0.99);  // no cut-off applies
  EXPECT_TRUE(torch::equal(marked.labels, torch::tensor({{1, 2, 0}}, torch::kUInt8)));
  EXPECT_TRUE(
      torch::allclose(marked.confidence, torch::tensor({{0.9, 0.45, 0.75}}, torch::kFloat64)));
  const CertaintyIndex ci = certainty_index(marked);
  EXPECT_EQ(ci.pixels, 2);
  EXPECT_NEAR(ci.index, (0.9 + 0.45) / 2, 1e-12);
  AdaptOptions options;
  options.labels = PseudoLabels::band;
  EXPECT_EQ(labelled(two_classes(), options), (std::vector<int64_t>{1, kIgnoreLabel, 0}));
  options.labels = PseudoLabels::balanced;
  ConfidenceHistogram confidences;
  confidences.add(marked);
  EXPECT_EQ(confidences.limits(1).size(), 3U);
  EXPECT_EQ(labelled(two_classes(), options, 0.5, {0.8, 0.95, 0.4}),
            (std::vector<int64_t>{kIgnoreLabel, 2, kIgnoreLabel}));
}

TEST(PseudoMask, DrawsEachOfSeveralClassesWithItsProbability) {
  AdaptOptions options;
  options.labels = PseudoLabels::soft;
  const auto p = torch::stack({torch::full({200, 200}, 0.3, torch::kFloat64),
                               torch::full({200, 200}, 0.1, torch::kFloat64)});
  const auto mask = pseudo_mask(p, 0.5, options, {}, 5);
  const auto share = [&](int64_t label) {
    return (mask == label).to(torch::kFloat64).mean().item<double>();
  };
  EXPECT_NEAR(share(1), 0.3, 0.01);
  EXPECT_NEAR(share(2), 0.1, 0.01);
  EXPECT_NEAR(share(0), 0.6, 0.01);
}

TEST(PseudoMask, DrawsSoftLabelsWithTheirProbability) {
  AdaptOptions options;
  options.labels = PseudoLabels::soft;
  const auto p = torch::full({1, 300, 300}, 0.3, torch::kFloat64);
  const auto mask = pseudo_mask(p, 0.5, options, {}, 5);
  EXPECT_NEAR(mask.to(torch::kFloat64).mean().item<double>(), 0.3, 0.01);
  EXPECT_TRUE(torch::equal(mask, pseudo_mask(p, 0.5, options, {}, 5)));
  EXPECT_FALSE(torch::equal(mask, pseudo_mask(p, 0.5, options, {}, 6)));
}

}  // namespace
}  // namespace groundglass
