#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/evaluate/xray.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {

/// How X-rays are looked at.
struct FindInfectionOptions {
  double cutoff = 0.5;           ///< of highest_probability(), see called_infected()
  std::filesystem::path output;  ///< folder for infection maps; empty: none are written
  int64_t memory_limit = 0;      ///< bytes that the process may hold; 0: what the machine has left
  std::string source;            ///< what the complaint about unreadable pictures begins with
};

/// Says of each X-ray whether it is infected and where. What is infected is decided on the
/// network's own grid and probabilities, as in a detection study; fractions and maps are on the
/// picture's grid, so an image that is just infected may have a fraction of 0.
///
/// Warnings of pictures and progress go to `observer`. Throws one Error(data) that lists all
/// pictures that cannot be read or do not fit their lung mask, Error(device) if memory is short.
std::vector<XrayFinding> find_infections(Segmenter& segmenter, const std::vector<Xray>& xrays,
                                         const FindInfectionOptions& options, Observer& observer);

}  // namespace groundglass
