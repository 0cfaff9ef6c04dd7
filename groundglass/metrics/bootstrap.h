#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace groundglass {

/// The middle 95 % of a statistic over resampled groups.
struct Interval {
  double low = 0, high = 0;
};

struct BootstrapOptions {
  int64_t resamples = 2000;
  uint64_t seed = 1;
};

/// Percentile bootstrap over groups (patients): slices of one patient are not independent, so whole
/// patients are drawn with replacement and `statistic` is taken of the drawn ones' positions.
///
/// Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, sec. 13.3.
/// Differs: draws whose statistic is undefined are left out.
///
/// groups  how many there are; fewer than two have no interval.
/// returns the 2.5 % and 97.5 % quantiles, or nothing.
std::optional<Interval> bootstrap_interval(
    int64_t groups,
    const std::function<std::optional<double>(const std::vector<int64_t>&)>& statistic,
    const BootstrapOptions& options = {});

/// Mean and sample standard deviation (n - 1); the deviation of a single value is 0.
struct MeanAndDeviation {
  double mean = 0, deviation = 0;
};
MeanAndDeviation mean_and_deviation(const std::vector<double>& values);

/// The q-quantile (0..1) with linear interpolation between order statistics; values need not be
/// sorted, and must not be empty.
double quantile(std::vector<double> values, double q);

}  // namespace groundglass
