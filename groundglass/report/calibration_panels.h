#pragma once

#include <vector>

#include "groundglass/evaluate/calibration_table.h"
#include "groundglass/report/reliability.h"

namespace groundglass {

/// Reliability diagrams of a list of a split: all pixels, and those near a lesion, each before and
/// after the temperature of `options`.
std::vector<ReliabilityPanel> calibration_panels(const CalibrationSet& set,
                                                 const CalibrationOptions& options);

}  // namespace groundglass
