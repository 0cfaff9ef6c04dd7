#include <gtest/gtest.h>

#include "groundglass/metrics/rank_correlation.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

TEST(Ranks, ShareTheMeanAmongTies) {
  EXPECT_EQ(ranks({3, 1, 3, 2}), (std::vector<double>{3.5, 1, 3.5, 2}));
}

TEST(Spearman, SeesOrderAndNothingElse) {
  EXPECT_DOUBLE_EQ(*spearman({1, 2, 3}, {10, 100, 1000}), 1);
  EXPECT_DOUBLE_EQ(*spearman({1, 2, 3}, {3, 2, 1}), -1);
  // Ranks 1 2 3 4 against 2 1 4 3: 1 - 6 * 4 / (4 * 15).
  EXPECT_NEAR(*spearman({1, 2, 3, 4}, {2, 1, 4, 3}), 0.6, 1e-12);
  // With a tie, Pearson of (1.5, 1.5, 3) and (1, 2, 3): 1.5 / sqrt(1.5 * 2).
  EXPECT_NEAR(*spearman({5, 5, 6}, {1, 2, 3}), 0.8660254037844387, 1e-12);
}

TEST(Spearman, IsUndefinedWithoutVariation) {
  EXPECT_FALSE(spearman({1}, {1}).has_value());
  EXPECT_FALSE(spearman({1, 1, 1}, {1, 2, 3}).has_value());
  EXPECT_FALSE(spearman({1, 2, 3}, {1, 1, 1}).has_value());
  EXPECT_TRUE(says(complaint(ErrorKind::internal, [] { spearman({1, 2}, {1}); }), {"2", "1"}));
}

}  // namespace
}  // namespace groundglass
