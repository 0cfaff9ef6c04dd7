#include "groundglass/core/rng.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace groundglass {
namespace {

// The numbers printed for SplitMix64 wherever it is described: seeds 0 and 1234567.
TEST(Rng, IsSplitMix64) {
  Rng zero(0);
  EXPECT_EQ(zero.bits(), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(zero.bits(), 0x6e789e6aa1b965f4ULL);
  EXPECT_EQ(zero.bits(), 0x06c45d188009454fULL);
  Rng other(1234567);
  for (const uint64_t expected :
       {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
        4593380528125082431ULL, 16408922859458223821ULL}) {
    EXPECT_EQ(other.bits(), expected);
  }
}

TEST(Rng, MakesDoublesOfTheUpper53Bits) {
  Rng rng(0);
  EXPECT_EQ(rng.uniform(), 0x1.c4415072f63b9p-1);
  EXPECT_EQ(rng.uniform(), 0x1.b9e279aa86e58p-2);
}

// Computed from the definitions; a change here changes every split and every augmentation.
TEST(Rng, KeepsItsConstantsOnEveryMachine) {
  EXPECT_EQ(mix_keys(1, 2), 0xb59745b46546091aULL);
  EXPECT_EQ(mix_keys(1, 2, 3), 0xb0cf9ad799ebaa57ULL);
  EXPECT_EQ(mix_keys(1, 2, 3, 4), 0x2587b3db14c5a0b8ULL);
  EXPECT_EQ(mix_keys(0, 0), 0x73674cd2a126762eULL);
  EXPECT_EQ(rng_for(3, 4, 5).bits(), 0x34ab86e740cb54b0ULL);
  Rng seven(7), five(5);
  EXPECT_EQ(permutation(10, seven), (std::vector<int64_t>{9, 5, 8, 6, 1, 2, 4, 7, 0, 3}));
  EXPECT_NEAR(five.normal(), 0.014334745996352224, 1e-12);
  EXPECT_NEAR(five.normal(), 0.5906209568869251, 1e-12);
}

TEST(Rng, MixesKeysByOrder) {
  std::set<uint64_t> seen;
  for (uint64_t a = 0; a < 10; ++a) {
    for (uint64_t b = 0; b < 10; ++b) {
      for (uint64_t c = 0; c < 10; ++c) seen.insert(mix_keys(a, b, c));
    }
  }
  EXPECT_EQ(seen.size(), 1000U);
  EXPECT_NE(rng_for(1, 2, 3).bits(), rng_for(1, 3, 2).bits());
  EXPECT_NE(rng_for(1, 2, 3).bits(), rng_for(2, 1, 3).bits());
}

TEST(Rng, IsUniform) {
  Rng rng(42);
  std::array<int, 10> bins{};
  double sum = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    ++bins[static_cast<size_t>(u * 10)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  double chi_square = 0;
  for (const int n : bins) chi_square += std::pow(n - kDraws / 10.0, 2) / (kDraws / 10.0);
  EXPECT_LT(chi_square, 27.9);  // 9 degrees of freedom, one in a thousand
}

TEST(Rng, StaysInItsRange) {
  Rng rng(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) {
    const double u = rng.uniform(-2, 3);
    ASSERT_GE(u, -2);
    ASSERT_LT(u, 3);
    ++seen.at(static_cast<size_t>(rng.below(7)));
  }
  for (const int n : seen) EXPECT_NEAR(n, 1000, 150);
  EXPECT_EQ(rng.below(1), 0);
  EXPECT_LT(rng.below(int64_t{1} << 52), int64_t{1} << 52);
}

TEST(Rng, HasANormalDistribution) {
  Rng rng(3);
  constexpr int kDraws = 100'000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double v = rng.normal();
    ASSERT_TRUE(std::isfinite(v));
    sum += v;
    squares += v * v;
    fourth += v * v * v * v;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.015);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
  EXPECT_NEAR(fourth / kDraws, 3, 0.2);
}

TEST(Rng, TakesChances) {
  Rng rng(3);
  int hits = 0;
  for (int i = 0; i < 10'000; ++i) {
    hits += rng.chance(0.3);
    EXPECT_FALSE(rng.chance(0));
    EXPECT_TRUE(rng.chance(1));
  }
  EXPECT_NEAR(hits, 3000, 200);
}

TEST(Permutation, HoldsEveryNumberOnce) {
  for (const int64_t n : {0, 1, 2, 100}) {
    Rng rng(9);
    auto order = permutation(n, rng);
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < n; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
    EXPECT_EQ(static_cast<int64_t>(order.size()), n);
  }
}

TEST(Permutation, GivesEveryOrderTheSameChance) {
  Rng rng(10);
  std::array<int, 27> seen{};
  for (int i = 0; i < 6000; ++i) {
    const auto p = permutation(3, rng);
    ++seen[static_cast<size_t>(9 * p[0] + 3 * p[1] + p[2])];
  }
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(), [](int n) { return n > 0; }), 6);
  for (const int n : seen) {
    if (n > 0) {
      EXPECT_NEAR(n, 1000, 150);
    }
  }
}

}  // namespace
}  // namespace groundglass
