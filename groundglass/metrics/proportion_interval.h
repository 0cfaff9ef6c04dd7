#pragma once

#include <optional>

#include "groundglass/metrics/counts.h"
#include "groundglass/metrics/wilson_interval.h"

namespace groundglass {

/// r = 1.96 sqrt(m (1 - m) / n): half the width of the textbook interval of a share. It ends in a
/// point at 0 and 1, and takes n draws for independent. Empty for n = 0.
std::optional<double> normal_half_width(double share, int64_t n);

/// The half-widths that Degerli et al. print beside their scores.
struct PrintedHalfWidths {
  std::optional<double> sensitivity, specificity, precision, f1, f2, accuracy;
};

/// Degerli et al., https://arxiv.org/abs/2009.12698, Tables I and III, with the N worked back from
/// the printed numbers: positives for sensitivity, negatives for specificity, everything for the
/// others. For precision that is the wrong N, and F1 and F2 are no shares of anything.
PrintedHalfWidths printed_half_widths(const Counts& c);

/// Intervals that hold where images are independent: Wilson's with the right number below each
/// share. F1 and F2 are no shares; bootstrap them.
struct ShareIntervals {
  std::optional<Interval> sensitivity, specificity, precision, accuracy;
};
ShareIntervals share_intervals(const Counts& c);

}  // namespace groundglass
