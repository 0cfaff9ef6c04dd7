#include "groundglass/core/control_groups.h"

#include <algorithm>
#include <fstream>

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Of one group; not above 0 where it sets none.
double quota_of(const ControlGroup& group) {
  double quota = 0, period = 0;
  if (group.version == ControlGroup::Version::second) {
    std::ifstream(group.folder / "cpu.max") >> quota >> period;  // "150000 100000"; "max 100000"
  } else {
    std::ifstream(group.folder / "cpu.cfs_quota_us") >> quota;  // -1: none
    std::ifstream(group.folder / "cpu.cfs_period_us") >> period;
  }
  return period > 0 ? quota / period : 0;
}

}  // namespace

std::vector<ControlGroup> control_groups(const std::string& resource, const fs::path& root) {
  std::vector<ControlGroup> groups;
  std::ifstream lines(root / "proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {  // "4:memory:/jobs/7", "0::/user/7"
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string kinds = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = kinds == ",,";
    if (!unified && kinds.find("," + resource + ",") == std::string::npos) continue;
    const fs::path mount = unified ? root / "sys/fs/cgroup" : root / "sys/fs/cgroup" / resource;
    const auto version = unified ? ControlGroup::Version::second : ControlGroup::Version::first;
    for (fs::path path = fs::path(line.substr(second + 1)).relative_path();;
         path = path.parent_path()) {
      groups.push_back({mount / path, version});
      if (path.empty()) break;
    }
  }
  return groups;
}

double processor_quota(const fs::path& root) {
  double least = 0;
  for (const auto& group : control_groups("cpu", root)) {
    const double quota = quota_of(group);
    if (quota > 0) least = least > 0 ? std::min(least, quota) : quota;
  }
  return least;
}

}  // namespace groundglass
