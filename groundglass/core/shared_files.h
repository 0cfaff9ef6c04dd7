#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// Folders that may hold what comes with the program, best first: share/groundglass/<kind> of the
/// prefix in which the program or library that holds this code is installed, or, for one that lies
/// in its build folder, <kind> of the source tree. Not all need exist.
///
/// kind  "models" or "recipes"
std::vector<std::filesystem::path> shared_folders(const std::string& kind);

/// The first <folder>/<name> that exists in shared_folders(kind); empty if there is none.
std::filesystem::path shared_file(const std::string& kind, const std::string& name);

}  // namespace groundglass
