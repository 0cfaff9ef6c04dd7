#include "groundglass/core/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "groundglass/core/control_groups.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// The number behind `key` in lines like "MemAvailable:  23561184 kB" or "inactive_file 4096".
int64_t number_of(const fs::path& path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return -1;
}

/// The one number of a file; -1 for "max" and where there is no such file.
int64_t number_in(const fs::path& path) {
  std::ifstream in(path);
  int64_t value = -1;
  return in >> value ? value : -1;
}

int64_t least(int64_t a, int64_t b) {
  return a < 0 ? b : b < 0 ? a : std::min(a, b);
}

/// What a limit of the address space (ulimit -v) leaves; -1 where there is none.
int64_t left_in_address_space(const fs::path& root) {
  std::ifstream limits(root / "proc/self/limits");
  const std::string key = "Max address space";
  for (std::string line; std::getline(limits, line);) {
    if (!line.starts_with(key)) continue;
    std::istringstream number(line.substr(key.size()));
    int64_t most = 0;
    const int64_t pages = number_in(root / "proc/self/statm");
    if (!(number >> most) || pages < 0) return -1;  // "unlimited"
    return std::max<int64_t>(0, most - pages * sysconf(_SC_PAGESIZE));
  }
  return -1;
}

/// What a control group leaves; files that are merely cached count as free.
int64_t left_in(const fs::path& group, const std::string& limit, const std::string& usage,
                const std::string& cached) {
  const int64_t most = number_in(group / limit), used = number_in(group / usage);
  constexpr int64_t kNoLimit = int64_t{1} << 60;  // version 1 says "none" with a huge number
  if (most < 0 || used < 0 || most > kNoLimit) return -1;
  const int64_t files = std::max<int64_t>(0, number_of(group / "memory.stat", cached));
  return std::max<int64_t>(0, most - std::max<int64_t>(0, used - files));
}

/// The least that the groups leave.
int64_t left_in_groups(const fs::path& root) {
  int64_t left = -1;
  for (const auto& group : control_groups("memory", root)) {
    left = least(left, group.version == ControlGroup::Version::second
                           ? left_in(group.folder, "memory.max", "memory.current", "inactive_file")
                           : left_in(group.folder, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                     "total_inactive_file"));
  }
  return left;
}

}  // namespace

int64_t available_memory(const fs::path& root) {
  const int64_t kib = number_of(root / "proc/meminfo", "MemAvailable:");
  const int64_t machine = kib < 0 ? -1 : kib * 1024;
  return least(least(machine, left_in_address_space(root)), left_in_groups(root));
}

}  // namespace groundglass
