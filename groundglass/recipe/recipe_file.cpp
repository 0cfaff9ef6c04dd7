#include "groundglass/recipe/recipe_file.h"

#include "groundglass/core/shared_files.h"

namespace groundglass {

std::filesystem::path recipe_file(const std::filesystem::path& named, const std::string& kind) {
  if (named.empty() || named.has_parent_path() || std::filesystem::exists(named)) return named;
  for (const char* ending : {"", ".toml"}) {
    const auto file = shared_file(kind, named.string() + ending);
    if (!file.empty() && std::filesystem::is_regular_file(file)) return file;
  }
  return named;
}

}  // namespace groundglass
