#pragma once

#include "groundglass/data/split.h"

namespace groundglass {

/// Folds over images, not patients, with equal shares of every label in each: what scikit-learn
/// calls StratifiedKFold. Each fold is tested on its own images. There is no validation; the test
/// images stand in for it, so nothing may be chosen by them ([train] monitor = "last", a fixed
/// threshold).
///
/// Degerli et al., https://arxiv.org/abs/2009.12698: 2,951 and 12,544 images give 2,361 + 10,035
/// for training and 590 + 2,509 for the test (one image more or less in the first and last fold).
///
/// Mode "slices" does the same without labels: 473 slices give folds of 95, 95, 95, 94 and 94, and
/// neighbouring slices of one patient stand on both sides (Budak et al., J Digit Imaging 2021).
///
/// throws  Error(data) if no row has a label, or a label has fewer images than there are folds.
std::vector<Split> stratified_splits(const std::vector<PreparedRow>& rows,
                                     const SplitOptions& options);

/// Adds stored augmentations (copies 1, 2, ...) of the training rows with one of these labels until
/// they are as many as the other training rows: 2,361 originals get 7,674 copies beside 10,035.
/// Every original is copied equally often, up to one. Nothing is added where they are many already.
///
/// throws  Error(data) if a label occurs nowhere in the set, or one of the two kinds is missing.
void balance_training(Split& split, const std::vector<PreparedRow>& rows,
                      const std::vector<std::string>& labels);

}  // namespace groundglass
