#include "groundglass/report/calibration_panels.h"

#include <algorithm>

#include "groundglass/core/text.h"

namespace groundglass {
namespace {

ReliabilityCurve curve_of(const std::string& name, const CalibrationSums& sums) {
  const auto& bins = sums.foreground;
  const auto error = expected_calibration_error(bins);
  ReliabilityCurve curve{name + (error ? ", ECE " + fixed(*error, 4) : ", no pixel"), {}};
  for (size_t m = 0; m < bins.count.size(); ++m) {
    const double n = std::max(1.0, static_cast<double>(bins.count[m]));
    curve.points.push_back({bins.count[m], bins.sum[m] / n, static_cast<double>(bins.hits[m]) / n});
  }
  return curve;
}

}  // namespace

std::vector<ReliabilityPanel> calibration_panels(const CalibrationSet& set,
                                                 const CalibrationOptions& options) {
  const CalibrationRow sum = pooled(set);
  const auto panel = [&](const std::string& title, const CalibrationRow::Region& region) {
    return ReliabilityPanel{set.name + ", " + title,
                            {curve_of("as trained", region.before),
                             curve_of("T = " + fixed(options.temperature, 3), region.after)}};
  };
  return {panel("all pixels", sum.all),
          panel("within " + std::to_string(options.near_pixels) + " of a lesion", sum.near)};
}

}  // namespace groundglass
