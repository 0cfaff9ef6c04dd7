#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// A control group of Linux that limits this process, by its folder.
struct ControlGroup {
  enum class Version { first, second };
  std::filesystem::path folder;
  Version version = Version::second;  ///< its files have other names in each
};

/// The groups of this process for such a resource ("memory", "cpu"), each followed by those above
/// it, whose limits hold as well.
///
/// root  where /proc and /sys lie.
std::vector<ControlGroup> control_groups(const std::string& resource,
                                         const std::filesystem::path& root = "/");

/// How many processors' time this process may take, as containers are given it (`--cpus 1.5`): the
/// least of its groups; 0 where nothing limits it.
double processor_quota(const std::filesystem::path& root = "/");

}  // namespace groundglass
