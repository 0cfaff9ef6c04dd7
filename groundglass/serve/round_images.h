#pragma once

#include <filesystem>
#include <string>

#include "groundglass/serve/assistant.h"

namespace groundglass {

// What annotation rounds need of pixels; the server asks, its assistant answers
// (answer_questions()).

/// The image of a case as a gray PNG.
std::string case_image_png(Assistant& assistant, const std::filesystem::path& project,
                           int64_t case_id);

/// A mask of a case, class numbers on the image's grid, as a PNG.
std::string case_mask_png(Assistant& assistant, const std::filesystem::path& project,
                          int64_t case_id, const std::filesystem::path& mask);

/// How much the candidates of a case differ: 1 - the mean Dice of all pairs, 0 where all are the
/// same or empty.
double disagreement(Assistant& assistant, const std::filesystem::path& project, int64_t round,
                    int64_t case_id);

/// read_choices() with Earlier::replace.
void take_choices(Assistant& assistant, const std::filesystem::path& project,
                  const std::filesystem::path& file, const std::string& annotator);

}  // namespace groundglass
