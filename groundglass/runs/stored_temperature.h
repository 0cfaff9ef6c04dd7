#pragma once

#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// The temperature of a network's probabilities: what RUN/calibration.json says, else what the
/// weights file carries, else 1.
///
/// Throws Error(checkpoint) if calibration.json cannot be understood, or speaks of other weights
/// than the run holds now (it was trained on since).
double stored_temperature(const TrainedModel& trained);

}  // namespace groundglass
