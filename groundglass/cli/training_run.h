#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "groundglass/cli/context.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/recipe/run_folder.h"

namespace groundglass {

/// The prepared set that `data` names, or one made from the data set of that name under
/// `folder`/prepared.ggset; a later call finds it there. Throws Error(usage) for a data set where
/// no images can be read.
std::filesystem::path prepared_path(const std::string& data, const std::filesystem::path& folder,
                                    const Recipe& recipe, const Context& context,
                                    Observer& observer);

/// Warns of slices that look alike and stand on both sides of the split.
void warn_of_duplicates(const PreparedSet& set, const Split& split, Observer& observer);

/// What a verb changes in a recipe: --epochs (0: nothing) and --seed.
Recipe read_recipe_for(const std::string& path, int64_t epochs, const Context& context);

/// The prepared set with the lung masks that a recipe with [cascade] begins with: `lung_data`, or
/// one made from the data set `data` under `folder`/lungs. Nothing for other recipes. Throws
/// Error(usage) where `data` is a prepared set and `lung_data` is empty.
std::unique_ptr<PreparedSet> open_lungs(const std::string& data, const std::string& lung_data,
                                        const std::filesystem::path& folder, const Recipe& recipe,
                                        const Context& context, Observer& observer);

/// train_fold(), or with `lungs` train_stages(), as a user sees it: with events.jsonl, progress.png
/// and augmentation.png in the run folder, and lines or a bar on the terminal.
FoldScores train_visibly(const std::filesystem::path& run, const Recipe& recipe,
                         const PreparedSet& set, const Split& split, const Engine& engine,
                         Observer& console, const PreparedSet* lungs);
FoldScores train_visibly(const std::filesystem::path& run, const Recipe& recipe,
                         const PreparedSet& set, const Split& split, const Engine& engine,
                         Observer& console);

/// What a trained fold reaches on its test rows, on stdout: a line and one for each class, or with
/// --json a document. `best_epoch` 0 is left out of the line.
void print_fold(const std::string& run, const FoldScores& scores, const Recipe& recipe,
                const Context& context);

/// The folds that --fold names: "all", one of 0 to folds - 1, or the first for an empty word.
/// Throws Error(usage) for anything else.
std::vector<int64_t> chosen_folds(const std::string& word, int64_t folds);

/// All splits of a recipe on a set.
std::vector<Split> splits_of(const Recipe& recipe, const PreparedSet& set);

}  // namespace groundglass
