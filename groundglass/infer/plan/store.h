#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "groundglass/infer/plan/graph.h"

namespace groundglass::planning {

/// Whether every step can be written down: those that run in LibTorch belong to a trace.
bool storable(const Network& network);

/// Writes a fused network, weights included, so that a later program need not trace it. `key` says
/// all that it was made from and for; the file appears whole or not at all.
void store(const Network& network, const std::filesystem::path& path, const std::string& key);

/// What store() wrote under the same key; nothing if the file is not there, was made from or for
/// something else, or is damaged anywhere (XXH3 over all of it).
std::optional<Network> stored(const std::filesystem::path& path, const std::string& key);

}  // namespace groundglass::planning
