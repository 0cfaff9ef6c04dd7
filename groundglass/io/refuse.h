#pragma once

#include <filesystem>
#include <string>

#include "groundglass/core/error.h"

namespace groundglass {

/// Throws Error(data) with the file in front of what is wrong with it.
[[noreturn]] inline void refuse(const std::filesystem::path& path, const std::string& what) {
  fail(ErrorKind::data, path.string() + ": " + what);
}

}  // namespace groundglass
