#pragma once

#include <string>

#include <zlib.h>

namespace groundglass {

/// Two bytes, the larger one first.
inline std::string big16(size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

/// EXIF with an orientation alone.
inline std::string exif(int orientation) {
  std::string bytes("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18);
  bytes.resize(26, '\0');
  bytes[18] = static_cast<char>(orientation);
  return bytes;
}

/// A chunk of a PNG file with its checksum.
inline std::string png_part(const std::string& name, const std::string& inside) {
  const std::string summed = name + inside;
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(summed.data()), static_cast<uInt>(summed.size()));
  return big16(0) + big16(inside.size()) + summed + big16(sum >> 16) + big16(sum & 0xffff);
}

/// A PNG file with an orientation.
inline std::string turned_png(const std::string& png, int orientation) {
  constexpr size_t kBehindHeader = 33;
  return png.substr(0, kBehindHeader) + png_part("eXIf", exif(orientation)) +
         png.substr(kBehindHeader);
}

}  // namespace groundglass
