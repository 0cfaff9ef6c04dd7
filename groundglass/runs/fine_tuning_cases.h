#pragma once

#include <cstdint>

#include "groundglass/data/dataset.h"

namespace groundglass {

/// Epochs of a fine-tuning unless others are asked for.
constexpr int64_t kFineTuningEpochs = 8;

/// One patient is tested on, one chooses the epoch, one is learned.
constexpr int64_t kFewestPatients = 3;

/// How many patients have an image with a mask.
int64_t patients_with_masks(const Dataset& dataset);

/// Throws Error(data), in one line, if the images with masks are of too few patients to keep some
/// apart for the choice of the epoch and for the test.
void check_enough_cases(const Dataset& dataset);

}  // namespace groundglass
