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
  confidences.add(p, 0.5);
  const ClassLimits limits = confidences.limits(0.5);
  EXPECT_NEAR(limits.foreground, 0.801, 1e-9);
  EXPECT_NEAR(limits.background, 0.851, 1e-9);
  AdaptOptions options;
  options.labels = PseudoLabels::balanced;
  const int64_t x = kIgnoreLabel;
  EXPECT_EQ(labelled(p, options, 0.5, limits), (std::vector<int64_t>{x, x, 1, 1, 0, 0, x, x}));
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
