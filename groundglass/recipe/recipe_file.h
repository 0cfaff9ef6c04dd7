#pragma once

#include <filesystem>
#include <string>

namespace groundglass {

/// The file that is meant by what a user typed: `named` if there is such a file, else the one of
/// that name, with or without ".toml", among those that come with the program ("ct_infection"),
/// else `named` as it is.
///
/// kind  "recipes", "recipes/searches" or "recipes/studies"
std::filesystem::path recipe_file(const std::filesystem::path& named,
                                  const std::string& kind = "recipes");

}  // namespace groundglass
