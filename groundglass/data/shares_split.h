#pragma once

#include <vector>

#include "groundglass/data/split.h"

namespace groundglass {

/// Patients shared out by number, each fold anew: fold k draws, with seed + k, test_fraction and
/// validation_fraction of each domain's patients, at least one of each, and trains on the others.
/// Test sets of two folds may overlap. Only train_domains take part, or every domain if none is
/// named. 10 patients at .3 and .1 give 6, 1 and 3; 9 give 5, 1 and 3.
///
/// Paper 003, "Experiments": 60/10/30, patient-independent, five times.
/// Differs: the paper calls this five-fold cross-validation, which 60/10/30 cannot be.
///
/// copies  augmented copies of each training slice (0 for none).
/// throws  Error(data) if a domain is unknown or leaves no patient to train on.
std::vector<Split> shares_splits(const std::vector<PreparedRow>& rows, const SplitOptions& options,
                                 int64_t copies);

}  // namespace groundglass
