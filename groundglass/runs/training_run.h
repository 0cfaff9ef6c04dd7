#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "groundglass/data/prepared_set.h"
#include "groundglass/runs/fold_job.h"
#include "groundglass/runs/run_settings.h"

namespace groundglass {

/// Whether a data set without any masks is refused.
enum class Masks { needed, optional };

/// The prepared set that `data` names, or one made from the data set of that name under
/// `folder`/prepared.ggset; a later call finds it there. Throws Error(usage) for a data set where
/// no images can be read, Error(data) for one without any masks where they are needed.
std::filesystem::path prepared_path(const std::string& data, const RunFolder& folder,
                                    const Recipe& recipe, const RunSettings& settings,
                                    Observer& observer, Masks masks = Masks::needed);

/// The folder in `output` where what is prepared for this recipe lies: recipes that are prepared
/// alike share it.
RunFolder shared_set_folder(const Recipe& recipe, const std::filesystem::path& output);

/// Warns of slices that look alike and stand on both sides of the split.
void warn_of_duplicates(const PreparedSet& set, const Split& split, Observer& observer);

/// A recipe with what a call changes in it: settings.overrides, settings.seed and, unless 0, the
/// number of epochs. Throws as read_recipe().
Recipe read_recipe_for(const std::filesystem::path& path, int64_t epochs,
                       const RunSettings& settings);

/// The prepared set with the lung masks that a recipe with [cascade] begins with: `lung_data`, or
/// one made from the data set `data` under `folder`/lungs. Nothing for other recipes. Throws
/// Error(usage) where `data` is a prepared set and `lung_data` is empty.
std::unique_ptr<PreparedSet> open_lungs(const std::string& data, const std::string& lung_data,
                                        const RunFolder& folder, const Recipe& recipe,
                                        const RunSettings& settings, Observer& observer);

/// train_fold(), or with job.lungs train_stages(), as a user sees it: with events.jsonl,
/// progress.png and augmentation.png in the run folder, and what happens told to `console`.
FoldScores train_visibly(const FoldJob& job, Observer& console);

/// Trains the folds with these numbers, one after the other, with train_visibly(). `job` is what
/// they have in common: fold k goes to job.run.fold(k), on splits[k]. Several processes that do
/// this in one folder share the folds by claims, and each returns all scores; in a team of several
/// ranks all of them train each fold together.
std::vector<FoldScores> train_folds(const FoldJob& job, const std::vector<Split>& splits,
                                    const std::vector<int64_t>& folds, Observer& console);

/// The first `count` numbers, from 0: 0, 1, ...; all folds for a count of 0 or above their number.
std::vector<int64_t> first_folds(int64_t count, const std::vector<Split>& splits);

/// All splits of a recipe on a set.
std::vector<Split> splits_of(const Recipe& recipe, const PreparedSet& set);

}  // namespace groundglass
