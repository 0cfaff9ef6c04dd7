#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

namespace groundglass {

/// Whether names of the data set, which may name patients, are told.
enum class ImageNames { shown, hidden };

/// What a run's test.json says as a whole: cases, best_epoch, threshold, dice, iou, precision and
/// sensitivity, pooled over the pixels of all test images; null where it is not tested yet or the
/// file is damaged.
nlohmann::ordered_json test_scores(const std::filesystem::path& run);

/// The test images that hold infection with the lowest Dice, at most `most` of them: name, dice,
/// missed, added and true pixels. Names that are hidden are "test image N",
/// counted as they stand in test.json. Empty where test_scores() is null.
nlohmann::ordered_json worst_images(const std::filesystem::path& run, size_t most,
                                    ImageNames names);

}  // namespace groundglass
