#include "groundglass/metrics/proportion_interval.h"

#include <cmath>

#include "groundglass/metrics/detection.h"

namespace groundglass {
namespace {

std::optional<double> half_width(const std::optional<double>& share, int64_t n) {
  return share ? normal_half_width(*share, n) : std::nullopt;
}

}  // namespace

std::optional<double> normal_half_width(double share, int64_t n) {
  if (n <= 0) return std::nullopt;
  return kZ95 * std::sqrt(share * (1 - share) / static_cast<double>(n));
}

PrintedHalfWidths printed_half_widths(const Counts& c) {
  const int64_t positives = c.tp + c.fn, negatives = c.tn + c.fp, all = positives + negatives;
  return {half_width(sensitivity(c), positives), half_width(specificity(c), negatives),
          half_width(precision(c), all),         half_width(f_score(c, 1), all),
          half_width(f_score(c, 2), all),        half_width(accuracy(c), all)};
}

ShareIntervals share_intervals(const Counts& c) {
  return {wilson_interval(c.tp, c.tp + c.fn), wilson_interval(c.tn, c.tn + c.fp),
          wilson_interval(c.tp, c.tp + c.fp),
          wilson_interval(c.tp + c.tn, c.tp + c.fn + c.tn + c.fp)};
}

}  // namespace groundglass
