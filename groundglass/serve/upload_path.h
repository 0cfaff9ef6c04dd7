#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace groundglass {

/// The path of an uploaded file within its study: "series/IM0001".
///
/// Throws HttpError(400) saying what is wrong: an absolute path, a drive or a backslash, empty, "."
/// or ".." parts, control characters or NUL, no UTF-8, names of devices (CON, NUL, COM1, ..), parts
/// that end in a dot or a blank, parts beyond 200 bytes, paths beyond 1000 bytes or 16 parts, or a
/// part that ends in ".partial", which the server uses itself.
std::filesystem::path upload_path(std::string_view name);

/// The file below `folder`, whose own folders are made if they are missing. Throws HttpError(400)
/// if a symbolic link or a file stands on the way, so that nothing is ever written elsewhere.
std::filesystem::path place_in(const std::filesystem::path& folder,
                               const std::filesystem::path& relative);

/// True if `path` is a regular file below `folder`, reached without a symbolic link.
bool is_file_inside(const std::filesystem::path& folder, const std::filesystem::path& path);

/// The name of an author or annotator. Throws HttpError(400) unless it is 1 to 64 letters, digits,
/// blanks, '-', '_' or '.' (UTF-8 letters are welcome), and begins with none of the last.
std::string author_name(const std::string& text);

}  // namespace groundglass
