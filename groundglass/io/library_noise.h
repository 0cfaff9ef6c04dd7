#pragma once

#include <string>

namespace groundglass {

/// While it lives, what the calling thread writes to std::cerr is collected and not shown; other
/// threads write on as before. Some libraries print where they should report, and MetaIO tells
/// nowhere else that a file is cut off.
class LibraryNoise {
 public:
  LibraryNoise();
  ~LibraryNoise();
  LibraryNoise(const LibraryNoise&) = delete;
  LibraryNoise& operator=(const LibraryNoise&) = delete;

  /// Everything so far as one line without repeated blanks; empty if nothing was written.
  std::string text() const;

 private:
  std::string collected_;
  std::string* before_ = nullptr;
};

}  // namespace groundglass
