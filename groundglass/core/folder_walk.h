#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// What a search through a folder came upon.
struct FolderWalk {
  std::vector<std::filesystem::path> files;  ///< sorted; hidden ones (".name") are left out
  /// "<path>: <reason>" of what was not looked into: folders that may not be read, links that lead
  /// nowhere, in a circle, or to a folder that was looked into already.
  std::vector<std::string> left_out;
};

/// All files in the folder and its subfolders, also behind symbolic links. A folder that several
/// ways lead to is looked into once. Throws Error(data) if the folder itself cannot be read.
FolderWalk walk_folder(const std::filesystem::path& folder);

/// The files in one folder, not in its subfolders, and what cannot be looked at; else as
/// walk_folder().
FolderWalk files_of_folder(const std::filesystem::path& folder);

/// The folder's own name, also for "." and for "name/"; empty for the root.
std::string folder_name(const std::filesystem::path& folder);

/// True if there is such a file or folder; false, too, where that cannot be looked up.
bool is_there(const std::filesystem::path& path);

}  // namespace groundglass
