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
  double cutoff = 0.5;           ///< of highest_probability(), see is_called_infected()
  std::filesystem::path output;  ///< folder for infection maps; empty: none are written
  int64_t memory_limit = 0;      ///< bytes that the process may hold; 0: what the machine has left
};

/// An X-ray that could not be looked at, and why.
struct FailedXray {
  std::string input, problem;
};

/// What was said of the X-rays that could be looked at, in their order, and which could not.
struct FoundInfections {
  std::vector<Xray> xrays;
  std::vector<XrayFinding> findings;  ///< as many as xrays
  std::vector<FailedXray> failed;
};

/// Says of each X-ray whether it is infected and where. What is infected is decided on the
/// network's own grid and probabilities, as in a detection study; fractions and maps are on the
/// picture's grid, so an image that is just infected may have a fraction of 0.
///
/// Pictures that cannot be read or do not fit their lung mask do not end the others. Warnings of
/// pictures and progress go to `observer`. Throws Error(data) if two maps would be one file,
/// Error(device) if memory is short.
FoundInfections find_infections(Segmenter& segmenter, const std::vector<Xray>& xrays,
                                const FindInfectionOptions& options, Observer& observer);

}  // namespace groundglass
