#include "groundglass/core/shared_files.h"

#include <dlfcn.h>
#include <link.h>

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// The file that holds this code: a program, or libgroundglass.so. Empty if that cannot be said.
fs::path own_file() {
  std::error_code code;
  Dl_info info;
  void* map = nullptr;
  const auto* here = reinterpret_cast<const void*>(&own_file);
  if (dladdr1(here, &info, &map, RTLD_DL_LINKMAP) != 0 && map != nullptr) {
    // The program itself has no name there, a library has its path.
    const fs::path library = static_cast<const link_map*>(map)->l_name;
    if (!library.empty()) return fs::canonical(library, code);
  }
  return fs::read_symlink("/proc/self/exe", code);
}

}  // namespace

std::vector<fs::path> shared_folders(const std::string& kind) {
  const fs::path file = own_file();
  if (file.empty()) return {};
  std::vector<fs::path> folders;
  // PREFIX/bin/groundglass, PREFIX/lib/libgroundglass.so, PREFIX/lib/x86_64-linux-gnu/...
  fs::path above = file.parent_path();
  for (int level = 0; level < 2 && above.has_relative_path(); ++level) {
    above = above.parent_path();
    folders.push_back(above / "share/groundglass" / kind);
  }
  // SOURCES/build/<preset>/bin/groundglass
  above = file.parent_path();
  for (int level = 0; level < 3 && above.has_relative_path(); ++level) {
    if (fs::exists(above / "CMakeCache.txt")) {
      folders.push_back(above.parent_path().parent_path() / kind);
      break;
    }
    above = above.parent_path();
  }
  return folders;
}

fs::path shared_file(const std::string& kind, const std::string& name) {
  for (const auto& folder : shared_folders(kind)) {
    if (fs::exists(folder / name)) return folder / name;
  }
  return {};
}

}  // namespace groundglass
