#include "groundglass/metrics/wilson_interval.h"

#include <algorithm>
#include <cmath>

namespace groundglass {

std::optional<Interval> wilson_interval(int64_t hits, int64_t n) {
  if (n <= 0) return std::nullopt;
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(hits) / count, z2 = kZ95 * kZ95;
  const double centre = (share + z2 / (2 * count)) / (1 + z2 / count);
  const double half =
      kZ95 / (1 + z2 / count) * std::sqrt(share * (1 - share) / count + z2 / (4 * count * count));
  return Interval{std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace groundglass
