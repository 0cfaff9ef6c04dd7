#include "groundglass/io/tiff_check.h"

#include <filesystem>
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

}  // namespace

std::string tiff_damage(const std::filesystem::path& path) {
  silence_libtiff();
  const std::unique_ptr<TIFF, CloseTiff> file(TIFFOpen(path.c_str(), "r"));
  if (!file) return "is truncated or damaged: it has no directory";
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
    if (got < 0) {
      return "is truncated or damaged: " + std::string(tiled ? "tile " : "strip ") +
             std::to_string(i) + " of " + std::to_string(parts) +
             " (counted from 0) cannot be unpacked";
    }
  }
  return "";
}

}  // namespace groundglass
