#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace groundglass {

/// A gray picture of 64 x 64 pixels as a BMP file of 24 bits; `gray` gives each pixel's value.
inline std::string bmp_picture(const std::function<uint8_t(uint32_t pixel)>& gray) {
  constexpr uint32_t kSide = 64, kBytes = 3 * kSide * kSide;
  std::string file = "BM";
  const auto put = [&](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file += static_cast<char>(value >> (8 * i) & 255);
  };
  for (const uint32_t v : {54 + kBytes, 0U, 54U, 40U, kSide, kSide}) put(v, 4);
  put(1, 2);
  put(24, 2);
  for (const uint32_t v : {0U, kBytes, 0U, 0U, 0U, 0U}) put(v, 4);
  for (uint32_t i = 0; i < kSide * kSide; ++i) file.append(3, static_cast<char>(gray(i)));
  return file;
}

}  // namespace groundglass
