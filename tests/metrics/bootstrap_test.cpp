#include "groundglass/metrics/bootstrap.h"

#include <cmath>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace groundglass {
namespace {

const std::vector<double> kScores = {0.81, 0.42, 0.93, 0.77, 0.65, 0.88, 0.59, 0.90};

std::optional<double> mean_score(const std::vector<int64_t>& drawn) {
  double sum = 0;
  for (const int64_t i : drawn) sum += kScores.at(static_cast<size_t>(i));
  return sum / static_cast<double>(drawn.size());
}

const auto kGroups = static_cast<int64_t>(kScores.size());

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0), 1);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile({10, 20, 30}, 0.95), 29);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.3), 7);
}

TEST(MeanAndDeviation, DividesByNMinusOne) {
  const auto m = mean_and_deviation({1, 2, 4, 5});
  EXPECT_DOUBLE_EQ(m.mean, 3);
  EXPECT_DOUBLE_EQ(m.deviation, std::sqrt(10.0 / 3));
  EXPECT_DOUBLE_EQ(mean_and_deviation({7}).mean, 7);
  EXPECT_EQ(mean_and_deviation({7}).deviation, 0);
  EXPECT_EQ(mean_and_deviation({}).mean, 0);
  EXPECT_EQ(mean_and_deviation({}).deviation, 0);
}

// SPEC-000, Table 2: five accuracies whose mean the paper prints as .9950.
TEST(MeanAndDeviation, RecomputesAColumnOfThePaper) {
  EXPECT_NEAR(mean_and_deviation({.9949, .9950, .9949, .9950, .9949}).mean, .99494, 1e-12);
  EXPECT_NEAR(mean_and_deviation({.8317, .8314, .8262, .8295, .8297}).mean, .8297, 5e-5);
}

TEST(Bootstrap, IsReproducible) {
  const auto a = bootstrap_interval(kGroups, mean_score),
             b = bootstrap_interval(kGroups, mean_score);
  EXPECT_EQ(a->low, b->low);
  EXPECT_EQ(a->high, b->high);
  const auto c = bootstrap_interval(kGroups, mean_score, {.seed = 2});
  EXPECT_NE(a->low, c->low);
  EXPECT_NEAR(a->low, c->low, 0.02);
}

// The draws are given the values 0 to 1000, so that the quantiles can be read off.
TEST(Bootstrap, TakesTheMiddle95PercentOfTheDraws) {
  double next = 0;
  const auto counter = [&](const std::vector<int64_t>&) { return std::optional<double>(next++); };
  const auto interval = bootstrap_interval(3, counter, {.resamples = 1001}).value();
  EXPECT_DOUBLE_EQ(interval.low, 25);
  EXPECT_DOUBLE_EQ(interval.high, 975);
}

TEST(Bootstrap, ContainsThePointEstimateAndHasAboutTheRightWidth) {
  const auto interval = bootstrap_interval(kGroups, mean_score).value();
  std::vector<int64_t> all(kScores.size());
  std::iota(all.begin(), all.end(), int64_t{0});
  const double point = mean_score(all).value();
  EXPECT_LT(interval.low, point);
  EXPECT_GT(interval.high, point);
  // The mean of 8 draws from these scores has a standard deviation of sqrt(variance / 8), so that
  // 95 % is about four of them wide.
  const double sd = mean_and_deviation(kScores).deviation * std::sqrt(7.0 / 8 / 8);
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * sd, 0.15 * sd * 4);
}

TEST(Bootstrap, DrawsAsManyGroupsAsThereAreWithReplacement) {
  int64_t draws = 0, repeats = 0;
  std::set<int64_t> seen;
  bootstrap_interval(5,
                     [&](const std::vector<int64_t>& drawn) {
                       ++draws;
                       EXPECT_EQ(drawn.size(), 5U);
                       seen.insert(drawn.begin(), drawn.end());
                       repeats += std::set<int64_t>(drawn.begin(), drawn.end()).size() < 5;
                       return std::optional<double>(0);
                     },
                     {.resamples = 200});
  EXPECT_EQ(draws, 200);
  EXPECT_EQ(seen, (std::set<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_GT(repeats, 180);  // 96 % of draws hold a repeat
}

TEST(Bootstrap, HasNoIntervalForFewerThanTwoGroups) {
  EXPECT_FALSE(bootstrap_interval(1, mean_score));
  EXPECT_FALSE(bootstrap_interval(0, mean_score));
  EXPECT_TRUE(bootstrap_interval(2, mean_score));
}

TEST(Bootstrap, LeavesUndefinedDrawsOut) {
  const auto nothing = [](const std::vector<int64_t>&) { return std::optional<double>(); };
  EXPECT_FALSE(bootstrap_interval(4, nothing));
  const auto sometimes = [](const std::vector<int64_t>& drawn) {
    return drawn.front() == 0 ? std::optional<double>() : 1.0;
  };
  const auto interval = bootstrap_interval(4, sometimes).value();
  EXPECT_EQ(interval.low, 1);
  EXPECT_EQ(interval.high, 1);
}

}  // namespace
}  // namespace groundglass
