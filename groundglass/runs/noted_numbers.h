#pragma once

#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// Sets threshold, temperature and image cut-off to what notes say of them, if they do. Throws
/// Error(checkpoint) for a note that is no number from its first character to its last, or is
/// beyond what it can be.
void take_numbers(TrainedModel& trained, const WeightsNotes& notes,
                  const std::filesystem::path& file);

}  // namespace groundglass
