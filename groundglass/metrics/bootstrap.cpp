#include "groundglass/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/rng.h"

namespace groundglass {

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

std::optional<Interval> bootstrap_interval(
    int64_t groups,
    const std::function<std::optional<double>(const std::vector<int64_t>&)>& statistic,
    const BootstrapOptions& options) {
  if (groups < 2) return std::nullopt;
  std::vector<double> values;
  std::vector<int64_t> drawn(static_cast<size_t>(groups));
  for (int64_t b = 0; b < options.resamples; ++b) {
    Rng rng = rng_for(options.seed, 0, static_cast<uint64_t>(b));
    for (auto& group : drawn) group = rng.below(groups);
    if (const auto value = statistic(drawn)) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  return Interval{quantile(values, 0.025), quantile(values, 0.975)};
}

MeanAndDeviation mean_and_deviation(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double v : values) mean += v / n;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : 0};
}

}  // namespace groundglass
