#pragma once

#include "groundglass/core/files.h"

namespace groundglass {

/// A recipe that trains in seconds.
inline void write_small_recipe(const std::filesystem::path& path, const std::string& more = "") {
  write_file(path, R"([preprocess]
window_hu = [-1000, 400]
size = [32, 32]
[split]
folds = 2
[model]
name = "attention_unet"
widths = [4, 8, 8]
batch_norm_momentum = 0.1
[loss]
terms = [{name = "dice", weight = 0.5}, {name = "tversky", weight = 0.5}]
[train]
epochs = 2
batch_size = 4
learning_rate = 1e-2
)" + more);
}

}  // namespace groundglass
