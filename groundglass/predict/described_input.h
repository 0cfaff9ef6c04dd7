#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "groundglass/core/events.h"
#include "groundglass/data/data_options.h"

namespace groundglass {

/// Whether the name is that of a prepared set (.ggset).
bool is_prepared_set(const std::filesystem::path& path);

/// What a picture, volume, DICOM series, folder, data set, prepared set or weights file is:
/// {"kind", ..} with what that kind has. Data sets and folders list what is wrong with them under
/// "problems". `options` say how the masks of a data set are read.
/// Throws Error(data) if there is no such thing, or a single file cannot be read.
nlohmann::ordered_json described_input(const std::string& input, const DataOptions& options,
                                       int64_t threads, Observer& observer);

}  // namespace groundglass
