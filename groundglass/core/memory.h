#pragma once

#include <cstdint>
#include <filesystem>

namespace groundglass {

/// Bytes of memory that this process may still take: what the machine calls available, or what the
/// process' control group (version 1 or 2, or a group above it) or a limit of its address space
/// (ulimit -v) leaves, whichever is least; -1 where none is told.
///
/// root  where /proc and /sys lie.
int64_t available_memory(const std::filesystem::path& root = "/");

}  // namespace groundglass
