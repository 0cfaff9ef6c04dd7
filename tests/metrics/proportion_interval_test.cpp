#include <gtest/gtest.h>

#include "groundglass/metrics/proportion_interval.h"

namespace groundglass {
namespace {

// Table III, U-Net DenseNet-121 not frozen, from its matrix in Table IV: positives stand below
// sensitivity, negatives below specificity, all images below the others. The paper takes its
// printed, rounded scores, hence the tolerance.
TEST(PrintedHalfWidths, AreThoseOfTableThree) {
  const auto r = printed_half_widths({2903, 244, 48, 12300});
  EXPECT_NEAR(*r.sensitivity, 0.0046, 6e-5);
  EXPECT_NEAR(*r.specificity, 0.0024, 6e-5);
  EXPECT_NEAR(*r.precision, 0.0042, 6e-5);
  EXPECT_NEAR(*r.f1, 0.0034, 6e-5);
  EXPECT_NEAR(*r.f2, 0.0027, 6e-5);
  EXPECT_NEAR(*r.accuracy, 0.0021, 6e-5);
  const auto nested = printed_half_widths({2848, 105, 103, 12439});
  EXPECT_NEAR(*nested.sensitivity, 0.0066, 6e-5);
  EXPECT_NEAR(*nested.specificity, 0.0016, 6e-5);
  EXPECT_NEAR(*nested.precision, 0.0029, 6e-5);
  EXPECT_NEAR(*nested.accuracy, 0.0018, 6e-5);
}

// Table I, the same network: 2.29e7 infected pixels of 7.775e8.
TEST(PrintedHalfWidths, OfPixelsAreThoseOfTableOne) {
  EXPECT_NEAR(*normal_half_width(0.84, 22900000), 1.5e-4, 5e-6);
  EXPECT_NEAR(*normal_half_width(0.9966, 777500000 - 22900000), 4e-6, 5e-7);
  EXPECT_NEAR(*normal_half_width(0.8777, 777500000), 2.3e-5, 5e-7);
  EXPECT_NEAR(*normal_half_width(0.9919, 777500000), 6.3e-6, 5e-8);
}

TEST(PrintedHalfWidths, AreEmptyWithoutADenominator) {
  EXPECT_FALSE(normal_half_width(0.5, 0).has_value());
  EXPECT_FALSE(printed_half_widths({0, 3, 0, 5}).sensitivity.has_value());
}

// Newcombe, Statistics in Medicine 17 (1998) 857, Table I, method 3: 81 of 263, 15 of 148, 0 of 20,
// 1 of 29.
TEST(Wilson, AgreesWithNewcombesTable) {
  const auto a = *wilson_interval(81, 263), b = *wilson_interval(15, 148),
             c = *wilson_interval(0, 20), d = *wilson_interval(1, 29);
  EXPECT_NEAR(a.low, 0.2553, 1e-4);
  EXPECT_NEAR(a.high, 0.3662, 1e-4);
  EXPECT_NEAR(b.low, 0.0624, 1e-4);
  EXPECT_NEAR(b.high, 0.1605, 1e-4);
  EXPECT_NEAR(c.low, 0, 1e-12);
  EXPECT_NEAR(c.high, 0.1611, 1e-4);
  EXPECT_NEAR(d.low, 0.0061, 1e-4);
  EXPECT_NEAR(d.high, 0.1718, 1e-4);
  EXPECT_FALSE(wilson_interval(0, 0).has_value());
}

TEST(ShareIntervals, PutTheRightNumberBelowPrecision) {
  const Counts c{2903, 244, 48, 12300};
  const auto s = share_intervals(c);
  const auto p = *wilson_interval(2903, 2903 + 244);
  EXPECT_DOUBLE_EQ(s.precision->low, p.low);
  EXPECT_DOUBLE_EQ(s.precision->high, p.high);
  // Its half-width is about twice the printed one, which divides by all 15,495 images.
  EXPECT_GT((p.high - p.low) / 2, 2 * *printed_half_widths(c).precision);
}

}  // namespace
}  // namespace groundglass
