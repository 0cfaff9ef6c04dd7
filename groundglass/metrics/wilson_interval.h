#pragma once

#include <cstdint>
#include <optional>

#include "groundglass/metrics/bootstrap.h"

namespace groundglass {

/// The z of intervals of 95 %.
constexpr double kZ95 = 1.96;

/// Wilson's interval of k hits among n, which stays inside [0,1] and has a width at k = 0 and n.
/// Empty for n = 0.
///
/// Wilson, J. Am. Stat. Assoc. 22 (1927) 209; z = 1.96.
std::optional<Interval> wilson_interval(int64_t hits, int64_t n);

}  // namespace groundglass
