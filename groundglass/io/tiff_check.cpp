#include "groundglass/io/tiff_check.h"

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
  constexpr tmsize_t kMost = tmsize_t{1} << 32;
  if (bytes <= 0 || bytes > kMost) return "is damaged: its strips have no size";
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
