#include "groundglass/predict/batch_choice.h"

#include <gtest/gtest.h>

namespace groundglass {
namespace {

/// Lets the choice work where a batch of n takes seconds(n); returns the slices until it settles.
int64_t settle(BatchChoice& choice, const std::function<double(int64_t)>& seconds) {
  int64_t slices = 0;
  while (!choice.settled() && slices < 10'000) {
    const int64_t batch = choice.next(1000);
    choice.took(batch, seconds(batch));
    slices += batch;
  }
  return slices;
}

TEST(BatchChoice, StaysWithTheFastestOfWhatItTriedOnRealSlices) {
  BatchChoice choice(2);
  EXPECT_EQ(choice.next(100), 2);
  EXPECT_EQ(choice.largest(), 16);
  // 0.1 s for each slice, and 1 s for each batch: the largest is the fastest
  EXPECT_EQ(settle(choice, [](int64_t n) { return 1 + 0.1 * static_cast<double>(n); }), 60);
  EXPECT_EQ(choice.next(100), 16);
  EXPECT_EQ(choice.next(3), 3);  // the rest of a volume
  BatchChoice other(2);
  settle(other, [](int64_t n) { return n == 4 ? 0.4 : 0.2 * static_cast<double>(n); });
  EXPECT_EQ(other.next(100), 4);
}

TEST(BatchChoice, TakesTheSmallestWhereItHardlyMatters) {
  BatchChoice choice(4);
  settle(choice, [](int64_t n) { return 0.1 * static_cast<double>(n) + 0.001; });
  EXPECT_EQ(choice.next(100), 4);
}

TEST(BatchChoice, OneDelayDoesNotDecide) {
  BatchChoice choice(1);
  int turn = 0;
  settle(choice, [&](int64_t n) { return ++turn == 4 ? 99.0 : 1 + 0.1 * static_cast<double>(n); });
  EXPECT_EQ(choice.next(100), 8);  // late at its first turn only
}

TEST(BatchChoice, LooksAwayFromShorterBatchesAndFromThoseAfterwards) {
  BatchChoice choice(2);
  choice.took(1, 0.0001);  // the end of a volume
  EXPECT_EQ(choice.next(100), 2);
  settle(choice, [](int64_t n) { return static_cast<double>(n); });
  choice.took(16, 0.0001);
  EXPECT_EQ(choice.next(100), 2);
}

TEST(BatchChoice, StaysBelowThirtyTwoAndKeepsWhatIsGiven) {
  EXPECT_EQ(BatchChoice(16).largest(), 32);
  EXPECT_EQ(BatchChoice(64).largest(), 32);
  EXPECT_EQ(BatchChoice(0).next(100), 1);
  BatchChoice given = BatchChoice::fixed(7);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(given.next(100), 7);
    given.took(7, 1 + i);
  }
}

}  // namespace
}  // namespace groundglass
