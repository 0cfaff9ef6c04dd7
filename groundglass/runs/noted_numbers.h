#pragma once

#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// A note as a number from 0 to `most`; nothing if it is not there. Throws Error(checkpoint) for
/// one that is no number from its first character to its last, or is beyond that.
std::optional<double> number_noted(const WeightsNotes& notes, const std::string& key, double most,
                                   const std::filesystem::path& file);

/// Sets threshold, temperature and image cut-off to what notes say of them, if they do. Throws
/// Error(checkpoint) for a note that is no number from its first character to its last, or is
/// beyond what it can be.
void take_numbers(TrainedModel& trained, const WeightsNotes& notes,
                  const std::filesystem::path& file);

}  // namespace groundglass
