#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// What an archive may unpack to.
struct UnpackLimits {
  int64_t bytes = int64_t{16} << 30;
  int64_t files = 20000;
  double ratio = 200;  ///< unpacked to packed bytes, from 64 MiB on: beyond it is a zip bomb
};

struct Unpacked {
  int64_t files = 0, bytes = 0;
};

/// Unpacks a .zip file into an empty folder. Links, devices and encrypted files are no files of a
/// study. Throws Error(data) naming archive and entry for these, for paths that upload_path()
/// refuses, for the same path twice, for what goes beyond the limits, and for damaged archives;
/// what was unpacked so far is removed then.
Unpacked unpack_zip(const std::filesystem::path& archive, const std::filesystem::path& folder,
                    const UnpackLimits& limits = {});

/// Packs files into a .zip that appears whole or not at all. Throws Error(data) if it cannot be
/// written or a file cannot be read.
///
/// entries  the name within the archive, and the file.
void pack_zip(const std::filesystem::path& archive,
              const std::vector<std::pair<std::string, std::filesystem::path>>& entries);

}  // namespace groundglass
