#pragma once

#include <cstdint>
#include <string>

namespace groundglass {

/// What the bytes of a PNG, JPEG or TIFF file say besides pixels.
struct PictureFile {
  enum class Format { png, jpeg, tiff, other };

  Format format = Format::other;
  std::string damage;          ///< why it is cut off or damaged; "" if nothing is wrong
  int orientation = 1;         ///< 1 to 8, as EXIF and TIFF count them; 1 is upright
  bool zero_is_white = false;  ///< TIFF alone
  bool animated = false;       ///< a PNG of several pictures
};

/// Walks through the chunks of a PNG (with their checksums), the segments of a JPEG, or the first
/// directory of a TIFF file. An end mark inside a thumbnail is none.
PictureFile inspect_picture_file(const std::string& bytes);

}  // namespace groundglass
