#include "groundglass/io/picture_file.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>

#include <zlib.h>

namespace groundglass {
namespace {

constexpr unsigned kOrientation = 0x0112, kPhotometric = 0x0106;

unsigned byte_at(std::string_view b, size_t i) {
  return static_cast<unsigned>(static_cast<uint8_t>(b[i]));
}

uint32_t big32(std::string_view b, size_t i) {
  return byte_at(b, i) << 24 | byte_at(b, i + 1) << 16 | byte_at(b, i + 2) << 8 | byte_at(b, i + 3);
}

/// A whole number of at most 16 bits in the first directory of TIFF bytes, which EXIF is made of,
/// too. Some programs store it in a byte or in 32 bits.
std::optional<unsigned> tiff_short(std::string_view b, unsigned tag) {
  if (b.size() < 8 || (b.substr(0, 2) != "II" && b.substr(0, 2) != "MM")) return {};
  const bool big = b[0] == 'M';
  const auto word = [&](size_t i) {
    return big ? byte_at(b, i) << 8 | byte_at(b, i + 1) : byte_at(b, i + 1) << 8 | byte_at(b, i);
  };
  const size_t directory = big ? size_t{word(4)} << 16 | word(6) : size_t{word(6)} << 16 | word(4);
  if (word(2) != 42 || directory + 2 > b.size()) return {};
  const unsigned entries = word(directory);
  for (unsigned i = 0; i < entries; ++i) {
    const size_t at = directory + 2 + size_t{12} * i;
    if (at + 12 > b.size()) return {};
    if (word(at) != tag) continue;
    constexpr unsigned kByte = 1, kShort = 3, kLong = 4;
    const unsigned type = word(at + 2), first = word(at + 8), second = word(at + 10);
    if (type == kByte) return byte_at(b, at + 8);
    if (type == kShort) return first;
    if (type == kLong && (big ? first : second) == 0) return big ? second : first;
  }
  return {};
}

void take_orientation(std::string_view tiff, PictureFile& file) {
  const unsigned o = tiff_short(tiff, kOrientation).value_or(1);
  if (o >= 1 && o <= 8) file.orientation = static_cast<int>(o);
}

constexpr const char* kNoEnd = "is truncated: the end mark of the format is missing";

void walk_png(std::string_view b, PictureFile& file) {
  size_t at = 8;
  while (at + 12 <= b.size()) {
    const size_t length = big32(b, at);
    const std::string_view name = b.substr(at + 4, 4);
    if (length > b.size() - at - 12) break;
    const auto letter = [](unsigned char c) { return std::isalpha(c) != 0; };
    if (!std::all_of(name.begin(), name.end(), letter)) {
      file.damage = "is damaged: a part of it has no name";
      return;
    }
    const bool needed = name[0] >= 'A' && name[0] <= 'Z';
    const auto sum =
        crc32(0, reinterpret_cast<const Bytef*>(b.data() + at + 4), static_cast<uInt>(length + 4));
    if (needed && sum != big32(b, at + 8 + length)) {
      file.damage = "is damaged: the checksum of its part " + std::string(name) + " is wrong";
      return;
    }
    if (name == "eXIf") take_orientation(b.substr(at + 8, length), file);
    if (name == "acTL" && length >= 4) file.animated = big32(b, at + 8) > 1;
    if (name == "IEND") return;
    at += 12 + length;
  }
  file.damage = kNoEnd;
}

/// The place behind the compressed numbers that begin at `at`.
size_t behind_scan(std::string_view b, size_t at) {
  while (at + 1 < b.size()) {
    const unsigned next = byte_at(b, at + 1);
    if (byte_at(b, at) == 0xff && next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) {
      return at;
    }
    ++at;
  }
  return b.size();
}

void walk_jpeg(std::string_view b, PictureFile& file) {
  size_t at = 2;
  bool exif = false;
  while (at + 1 < b.size()) {
    const unsigned mark = byte_at(b, at + 1);
    if (byte_at(b, at) != 0xff || mark == 0xff || mark == 0) {
      ++at;
      continue;
    }
    if (mark == 0xd9) return;
    at += 2;
    if (mark == 0x01 || (mark >= 0xd0 && mark <= 0xd8)) continue;
    if (at + 2 > b.size()) break;
    const size_t length = byte_at(b, at) << 8 | byte_at(b, at + 1);
    if (length < 2 || length > b.size() - at) break;
    const std::string_view inside = b.substr(at + 2, length - 2);
    if (mark == 0xe1 && !exif && inside.substr(0, 6) == std::string_view("Exif\0\0", 6)) {
      exif = true;
      take_orientation(inside.substr(6), file);
    }
    at += length;
    if (mark == 0xda) at = behind_scan(b, at);
  }
  file.damage = kNoEnd;
}

}  // namespace

PictureFile inspect_picture_file(const std::string& bytes) {
  const std::string_view b = bytes;
  PictureFile file;
  if (b.substr(0, 4) == "\x89PNG") {
    file.format = PictureFile::Format::png;
    walk_png(b, file);
  } else if (b.substr(0, 2) == "\xff\xd8") {
    file.format = PictureFile::Format::jpeg;
    walk_jpeg(b, file);
  } else if (b.substr(0, 2) == "II" || b.substr(0, 2) == "MM") {
    file.format = PictureFile::Format::tiff;
    take_orientation(b, file);
    file.zero_is_white = tiff_short(b, kPhotometric) == 0u;
  }
  return file;
}

}  // namespace groundglass
