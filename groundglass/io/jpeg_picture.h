#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groundglass {

/// A decoded JPEG file as it is stored, without the turn that EXIF asks for.
struct JpegPicture {
  int width = 0, height = 0;
  int channels = 0;  ///< 1 gray, 3 blue-green-red, 0 for kinds that are not decoded here (CMYK)
  std::vector<uint8_t> pixels;
  std::string damage;   ///< libjpeg's words if it found damage; the pixels are then worth nothing
  std::string warning;  ///< libjpeg's words about what does no harm
};

/// Decodes with libjpeg, whose words come back instead of going to the console.
JpegPicture decode_jpeg(const std::string& bytes);

}  // namespace groundglass
