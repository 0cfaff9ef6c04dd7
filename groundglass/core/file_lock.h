#pragma once

#include <filesystem>

namespace groundglass {

enum class IfHeld {
  give_up,  ///< return at once
  wait,     ///< until the other process has let go
};

/// Opens a file, or makes it, for this user alone, and locks it against other processes. Returns
/// the handle; the lock is let go when that is closed or the process ends. Returns -1 where another
/// process holds it and that is not waited for. Throws Error(data) where the file cannot be opened
/// and where its file system knows no locks.
int locked_file(const std::filesystem::path& file, IfHeld if_held);

/// False where the file system of a folder knows no locks, as with some network drives. True where
/// that cannot be tried.
bool knows_locks(const std::filesystem::path& folder);

}  // namespace groundglass
