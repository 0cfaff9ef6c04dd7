#include "groundglass/io/tiff_check.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <vector>

#include <tiffio.h>

namespace groundglass {
namespace {

struct CloseTiff {
  void operator()(TIFF* file) const { TIFFClose(file); }
};

/// libtiff has one pair of listeners for the whole process.
void silence_libtiff() {
  static std::once_flag once;
  std::call_once(once, [] {
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
  });
}

/// OpenCV prints about numbers that it cannot read, and libtiff would read them all.
std::string unknown_numbers(TIFF* file) {
  uint16_t bits = 1, format = SAMPLEFORMAT_UINT;
  TIFFGetFieldDefaulted(file, TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(file, TIFFTAG_SAMPLEFORMAT, &format);
  const auto one_of = [&](std::initializer_list<int> all) {
    return std::find(all.begin(), all.end(), bits) != all.end();
  };
  const bool floating = format == SAMPLEFORMAT_IEEEFP, with_sign = format == SAMPLEFORMAT_INT;
  const bool whole = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID;
  if (whole && one_of({1, 8, 10, 12, 14, 16})) return "";
  if (floating && one_of({32, 64})) return "";
  if (with_sign && one_of({8, 16, 32})) return "";
  return "holds " +
         std::string(floating    ? "floating-point numbers"
                     : with_sign ? "signed whole numbers"
                     : whole     ? "whole numbers"
                                 : "complex numbers") +
         " of " + std::to_string(bits) +
         " bits, expected whole ones of 8 to 16 bits or floating-point ones of 32 or 64";
}

}  // namespace

std::string tiff_damage(const std::filesystem::path& path) {
  silence_libtiff();
  const std::unique_ptr<TIFF, CloseTiff> file(TIFFOpen(path.c_str(), "r"));
  if (!file) return "is truncated or damaged: it has no directory";
  if (TIFFNumberOfDirectories(file.get()) > 1) return "has several pages, expected one image";
  TIFFSetDirectory(file.get(), 0);
  if (std::string unknown = unknown_numbers(file.get()); !unknown.empty()) return unknown;
  const bool tiled = TIFFIsTiled(file.get()) != 0;
  const auto parts = tiled ? TIFFNumberOfTiles(file.get()) : TIFFNumberOfStrips(file.get());
  const tmsize_t bytes = tiled ? TIFFTileSize(file.get()) : TIFFStripSize(file.get());
  if (bytes <= 0) return "is damaged: its strips have no size";
  // No way of packing that is in use makes a long strip shorter than a 2000th.
  constexpr tmsize_t kSmall = tmsize_t{64} << 20, kMostPacked = 2000;
  std::error_code code;
  const auto held = static_cast<tmsize_t>(std::filesystem::file_size(path, code));
  if (bytes > kSmall && (code || bytes / kMostPacked > held)) {
    return "is damaged: a strip is said to hold " + std::to_string(bytes) +
           " bytes, more than the whole file can";
  }
  std::vector<char> buffer(static_cast<size_t>(bytes));
  for (uint32_t i = 0; i < parts; ++i) {
    const tmsize_t got = tiled ? TIFFReadEncodedTile(file.get(), i, buffer.data(), bytes)
                               : TIFFReadEncodedStrip(file.get(), i, buffer.data(), bytes);
    // Fewer offsets than strips: libtiff would read the missing ones from the file's first byte.
    if (got < 0 || TIFFGetStrileOffset(file.get(), i) == 0) {
      return "is truncated or damaged: " + std::string(tiled ? "tile " : "strip ") +
             std::to_string(i) + " of " + std::to_string(parts) +
             " (counted from 0) cannot be unpacked";
    }
  }
  return "";
}

}  // namespace groundglass
