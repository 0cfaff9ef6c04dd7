#include "groundglass/core/memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

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

/// The least that the group and those above it leave.
int64_t left_in_groups(const fs::path& mount, const std::string& group, const std::string& limit,
                       const std::string& usage, const std::string& cached) {
  int64_t left = -1;
  for (fs::path path = fs::path(group).relative_path();; path = path.parent_path()) {
    left = least(left, left_in(mount / path, limit, usage, cached));
    if (path.empty()) return left;
  }
}

}  // namespace

int64_t available_memory(const fs::path& root) {
  const int64_t kib = number_of(root / "proc/meminfo", "MemAvailable:");
  int64_t left = least(kib < 0 ? -1 : kib * 1024, left_in_address_space(root));
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:memory:/jobs/7", "0::/user/7"
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string kinds = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (kinds == ",,") {
      left = least(left, left_in_groups(root / "sys/fs/cgroup", group, "memory.max",
                                        "memory.current", "inactive_file"));
    } else if (kinds.find(",memory,") != std::string::npos) {
      left =
          least(left, left_in_groups(root / "sys/fs/cgroup/memory", group, "memory.limit_in_bytes",
                                     "memory.usage_in_bytes", "total_inactive_file"));
    }
  }
  return left;
}

}  // namespace groundglass
