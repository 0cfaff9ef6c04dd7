#pragma once

#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/metrics/calibration.h"
#include "groundglass/train/score.h"

namespace groundglass {

/// How well one slice's probabilities are calibrated, over all its pixels and over those near a
/// lesion; before (T = 1) and after.
struct CalibrationRow {
  struct Region {
    CalibrationSums before, after;
  };
  int64_t row = 0;
  Region all, near;
};

/// Which pixels choose the temperature.
enum class FitRegion {
  near,  ///< those of near_lesion(): nearly all others are background that no network doubts
  all
};
inline Words<FitRegion> words_of(FitRegion) {
  return {{"near", FitRegion::near}, {"all", FitRegion::all}};
}

struct CalibrationOptions {
  double temperature = 1;
  FitRegion fit = FitRegion::near;
  int64_t near_pixels = 3;  ///< of near_lesion(), on the network's grid
};

/// The temperature for a network, chosen on entries that should be validation patients, over the
/// pixels of `calibration.fit`; see fit_temperature(). The entries go through the network three
/// times, so that no logits are kept. Throws Stopped if a stop signal came.
double fit_temperature_on(SegmentationModel& model, const PreparedSet& set,
                          const std::vector<Entry>& entries, const ScoreOptions& options,
                          const CalibrationOptions& calibration);

/// Throws Stopped if a stop signal came, Error(data) for classes the network does not know.
std::vector<CalibrationRow> calibration_rows(SegmentationModel& model, const PreparedSet& set,
                                             const std::vector<Entry>& entries,
                                             const ScoreOptions& options,
                                             const CalibrationOptions& calibration);

}  // namespace groundglass
