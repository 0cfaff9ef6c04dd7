#pragma once

#include <span>
#include <string_view>

namespace groundglass {

/// A file of the pages, as it lies in the program.
struct WebFile {
  std::string_view path;   ///< where it is served: "/index.html"
  std::string_view type;   ///< its Content-Type
  std::string_view bytes;  ///< not ended by a zero
};

/// All of them, sorted by path. The source is written by cmake/web_files.cmake from web/files.txt.
std::span<const WebFile> web_files();

}  // namespace groundglass
