#pragma once

#include <filesystem>
#include <memory>

#include "groundglass/core/events.h"
#include "groundglass/data/dataset.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/runs/run_settings.h"

namespace groundglass {

class Segmenter;

/// The network whose foreground is what the options mean by lungs; null where they need none or a
/// threshold finds them. Lungs of a table's column are asked of the network, since images that are
/// predicted have no table. Throws Error(recipe) if that network itself needs lungs, else as
/// load_runnable_model() and segmenter_options() do.
std::shared_ptr<Segmenter> mask_network(const PreprocessOptions& options,
                                        const RunSettings& settings);

/// The images and masks that a recipe means, and lungs where it takes them from a column. Throws as
/// read_dataset() does.
Dataset dataset_for(const Recipe& recipe, const std::filesystem::path& source);

/// prepare() for a recipe, into the file `output`; lungs of a network are found by it.
int64_t prepare_for(const Recipe& recipe, Dataset dataset, const std::filesystem::path& output,
                    const RunSettings& settings, Observer& observer = silent_observer());

}  // namespace groundglass
