#pragma once

#include <string>

#include "groundglass/cli/context.h"
#include "groundglass/evaluate/cross_validation.h"
#include "groundglass/recipe/recipe.h"

namespace groundglass {

/// What a trained fold reaches on its test rows, on stdout: a line and one for each class, or with
/// --json a document. `best_epoch` 0 is left out of the line.
void print_fold(const std::string& run, const FoldScores& scores, const Recipe& recipe,
                const Context& context);

/// The folds that --fold names: "all", one of 0 to folds - 1, or the first for an empty word.
/// Throws Error(usage) for anything else.
std::vector<int64_t> chosen_folds(const std::string& word, int64_t folds);

}  // namespace groundglass
