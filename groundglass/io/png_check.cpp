#include "groundglass/io/png_check.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include <zlib.h>

namespace groundglass {
namespace {

uint32_t number_at(std::string_view b, size_t i) {
  uint32_t value = 0;
  for (size_t k = 0; k < 4; ++k) value = value << 8 | static_cast<uint8_t>(b[i + k]);
  return value;
}

/// How many numbers a pixel has by the type of its colours; 0 for a type that there is not.
unsigned numbers_of(unsigned colour_type) {
  constexpr std::array<unsigned, 7> kNumbers = {1, 0, 3, 1, 2, 0, 4};
  return colour_type < kNumbers.size() ? kNumbers[colour_type] : 0;
}

bool is_depth_of(unsigned colour_type, unsigned bits) {
  const bool small = bits == 1 || bits == 2 || bits == 4;
  if (colour_type == 0) return small || bits == 8 || bits == 16;
  if (colour_type == 3) return small || bits == 8;
  return bits == 8 || bits == 16;
}

/// Bytes of `height` rows, each behind the number of its filter.
uint64_t bytes_of(uint64_t width, uint64_t height, uint64_t bits_per_pixel) {
  return width == 0 ? 0 : height * (1 + (width * bits_per_pixel + 7) / 8);
}

/// Bytes of the seven pictures that an interlaced one comes in (Adam7).
uint64_t interlaced_bytes(uint64_t width, uint64_t height, uint64_t bits_per_pixel) {
  constexpr std::array<std::array<unsigned, 4>, 7> kPasses = {{{0, 0, 8, 8},
                                                               {4, 0, 8, 8},
                                                               {0, 4, 4, 8},
                                                               {2, 0, 4, 4},
                                                               {0, 2, 2, 4},
                                                               {1, 0, 2, 2},
                                                               {0, 1, 1, 2}}};
  uint64_t bytes = 0;
  for (const auto& [x, y, dx, dy] : kPasses) {
    bytes += bytes_of((width + dx - 1 - x) / dx, (height + dy - 1 - y) / dy, bits_per_pixel);
  }
  return bytes;
}

/// The length of what is packed, counted up to `enough`; nothing is kept. -1 for damage.
int64_t unpacked_length(const std::string& packed, uint64_t enough) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return -1;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::vector<Bytef> buffer(size_t{1} << 16);
  uint64_t length = 0;
  int code = Z_OK;
  while (code == Z_OK && length <= enough) {
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    code = inflate(&stream, Z_NO_FLUSH);
    length += buffer.size() - stream.avail_out;
  }
  inflateEnd(&stream);
  const bool sound = code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR;
  return sound ? static_cast<int64_t>(length) : -1;
}

constexpr size_t kMark = 8, kAround = 12;  // of a chunk: length, name and checksum

/// Calls `take` with the name, the inside and the whole of each chunk, to the last one.
template <class Take>
void for_each_chunk(std::string_view png, const Take& take) {
  for (size_t at = kMark; at + kAround <= png.size();) {
    const size_t length = number_at(png, at);
    if (length > png.size() - at - kAround) return;
    const std::string_view name = png.substr(at + 4, 4);
    take(name, png.substr(at + 8, length), png.substr(at, kAround + length));
    if (name == "IEND") return;
    at += kAround + length;
  }
}

}  // namespace

std::string png_damage(std::string_view png) {
  std::string h, packed;
  for_each_chunk(png, [&](auto name, auto inside, auto) {
    if (name == "IHDR") h = inside;
    if (name == "IDAT") packed += inside;
  });
  if (h.size() != 13) return "is damaged: it has no header";
  const uint64_t width = number_at(h, 0), height = number_at(h, 4);
  const auto field = [&](size_t i) { return static_cast<unsigned>(static_cast<uint8_t>(h[i])); };
  const unsigned bits = field(8), type = field(9), interlaced = field(12);
  constexpr uint64_t kMostPixels = uint64_t{1} << 30;  // OpenCV's limit
  if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX ||
      numbers_of(type) == 0 || !is_depth_of(type, bits) || interlaced > 1) {
    return "is damaged: its header tells of " + std::to_string(width) + " x " +
           std::to_string(height) + " pixels of " + std::to_string(bits) +
           " bits and colour type " + std::to_string(type);
  }
  if (width * height > kMostPixels) {
    return "has " + std::to_string(width) + " x " + std::to_string(height) +
           " pixels, more than can be read";
  }
  const uint64_t per_pixel = uint64_t{bits} * numbers_of(type);
  const uint64_t needed = interlaced == 1 ? interlaced_bytes(width, height, per_pixel)
                                          : bytes_of(width, height, per_pixel);
  const uint64_t row = bytes_of(width, 1, per_pixel);
  const int64_t held = unpacked_length(packed, needed + row);
  if (held < 0) return "is damaged: its pixels cannot be unpacked";
  const auto told = std::to_string(width) + " x " + std::to_string(height);
  if (static_cast<uint64_t>(held) < needed) {
    return "is truncated: it holds " + std::to_string(held) + " bytes of pixels, expected " +
           std::to_string(needed) + " of " + told;
  }
  if (static_cast<uint64_t>(held) >= needed + row) {
    return "is damaged: it holds more pixels than the " + told + " that its header tells of";
  }
  return "";
}

std::string png_essentials(std::string_view png) {
  std::string out(png.substr(0, kMark));
  for_each_chunk(png, [&](auto name, auto, auto whole) {
    const bool needed = name[0] >= 'A' && name[0] <= 'Z';
    if (needed) out += whole;
  });
  return out;
}

}  // namespace groundglass
