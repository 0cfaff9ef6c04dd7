#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

namespace groundglass {

/// A reader of foreign bytes under libFuzzer: how the file is called, and what reads it.
struct FuzzTarget {
  std::string file_name;  ///< "x.nii"
  std::function<void(const std::filesystem::path&)> read;
};

using FuzzTargets = std::map<std::string, FuzzTarget>;

/// The targets of this binary by name; GROUNDGLASS_FUZZ_TARGET chooses one.
const FuzzTargets& fuzz_targets();

}  // namespace groundglass
