#pragma once

#include <filesystem>

#include "groundglass/io/refuse.h"

namespace groundglass {

/// Throws Error(data) for a pipe, a socket or a device: reading one may wait for ever. Folders and
/// what is not there are left to the reader.
inline void refuse_pipe(const std::filesystem::path& path) {
  std::error_code code;
  if (!std::filesystem::exists(path, code) || std::filesystem::is_regular_file(path, code)) return;
  if (std::filesystem::is_directory(path, code)) return;
  refuse(path, "is a pipe or a device, expected a file; copy what it gives into one");
}

}  // namespace groundglass
