#include "groundglass/io/zip_directory.h"

#include <algorithm>
#include <array>
#include <vector>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

constexpr uint32_t kEntrySignature = 0x04034b50, kDirectorySignature = 0x02014b50,
                   kEndSignature = 0x06054b50, kEnd64Signature = 0x06064b50,
                   kLocator64Signature = 0x07064b50;
constexpr size_t kEntrySize = 30, kDirectorySize = 46, kEndSize = 22, kEnd64Size = 56,
                 kLocator64Size = 20, kLongestComment = 65535;

/// Little-endian numbers at any place of the archive; asking outside of it is refused.
class Bytes {
 public:
  Bytes(std::string_view all, const std::filesystem::path& path) : all_(all), path_(path) {}

  size_t size() const { return all_.size(); }

  std::string_view part(uint64_t begin, uint64_t size) const {
    if (begin > all_.size() || size > all_.size() - begin) {
      refuse("its zip directory points outside the file: it is truncated or damaged");
    }
    return all_.substr(begin, size);
  }

  uint64_t number(uint64_t begin, size_t bytes) const {
    uint64_t value = 0;
    const auto raw = part(begin, bytes);
    for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<uint8_t>(raw[i]);
    return value;
  }
  uint16_t u16(uint64_t begin) const { return static_cast<uint16_t>(number(begin, 2)); }
  uint32_t u32(uint64_t begin) const { return static_cast<uint32_t>(number(begin, 4)); }
  uint64_t u64(uint64_t begin) const { return number(begin, 8); }

  [[noreturn]] void refuse(const std::string& what) const {
    fail(ErrorKind::checkpoint, path_.string() + ": " + what);
  }

 private:
  std::string_view all_;
  const std::filesystem::path& path_;
};

struct Directory {
  uint64_t begin = 0, count = 0;
};

/// The last record of the file says where the directory lies; large archives say it in 64 bits.
Directory find_directory(const Bytes& bytes) {
  // A comment may follow that record, and hold anything.
  const auto is_last = [&](uint64_t at) {
    return bytes.u32(at) == kEndSignature && at + kEndSize + bytes.u16(at + 20) == bytes.size();
  };
  const size_t longest = kEndSize + kLongestComment;
  const size_t first = bytes.size() > longest ? bytes.size() - longest : 0;
  size_t end = bytes.size() < kEndSize ? first : bytes.size() - kEndSize + 1;
  while (end > first && !is_last(end - 1)) --end;
  if (end == first) bytes.refuse("a zip archive without its last record: it is truncated");
  --end;
  Directory directory{bytes.u32(end + 16), bytes.u16(end + 10)};
  if (directory.begin != 0xffffffff && directory.count != 0xffff) return directory;
  if (end < kLocator64Size || bytes.u32(end - kLocator64Size) != kLocator64Signature) {
    bytes.refuse("a zip archive without its 64-bit record: it is damaged");
  }
  const uint64_t end64 = bytes.u64(end - kLocator64Size + 8);
  bytes.part(end64, kEnd64Size);
  if (bytes.u32(end64) != kEnd64Signature) {
    bytes.refuse("a zip archive without its 64-bit record: it is damaged");
  }
  return {bytes.u64(end64 + 48), bytes.u64(end64 + 32)};
}

/// What the directory says of one file.
struct Entry {
  uint64_t packed = 0, size = 0, header = 0;
  std::string name = {};
  uint16_t flags = 0, method = 0;
  uint32_t checksum = 0;
};

/// Sizes and places that do not fit in 32 bits stand in the extra field with the number 1.
Entry widened(Entry entry, const Bytes& bytes, uint64_t extra, uint64_t extra_size) {
  const uint64_t extra_end = extra + extra_size;
  while (extra + 4 <= extra_end) {
    const uint16_t id = bytes.u16(extra);
    const uint64_t field_end = extra + 4 + bytes.u16(extra + 2);
    uint64_t at = extra + 4;
    if (id == 1) {
      for (uint64_t* value : {&entry.size, &entry.packed, &entry.header}) {
        if (*value != 0xffffffff || at + 8 > field_end) continue;
        *value = bytes.u64(at);
        at += 8;
      }
    }
    extra = field_end;
  }
  return entry;
}

std::string_view stored_bytes(const Bytes& bytes, const Entry& entry, const std::string& name) {
  bytes.part(entry.header, kEntrySize);
  if (bytes.u32(entry.header) != kEntrySignature) {
    bytes.refuse("entry " + in_quotes(name) + " is not where the zip directory says: damaged");
  }
  const uint64_t begin =
      entry.header + kEntrySize + bytes.u16(entry.header + 26) + bytes.u16(entry.header + 28);
  return bytes.part(begin, entry.size);
}

std::vector<Entry> entries_of(const Bytes& bytes) {
  const Directory directory = find_directory(bytes);
  std::vector<Entry> entries;
  uint64_t at = directory.begin;
  for (uint64_t i = 0; i < directory.count; ++i) {
    bytes.part(at, kDirectorySize);
    if (bytes.u32(at) != kDirectorySignature) bytes.refuse("its zip directory is damaged");
    const uint16_t name_size = bytes.u16(at + 28), extra_size = bytes.u16(at + 30);
    Entry entry = widened({bytes.u32(at + 20), bytes.u32(at + 24), bytes.u32(at + 42)}, bytes,
                          at + kDirectorySize + name_size, extra_size);
    entry.name = bytes.part(at + kDirectorySize, name_size);
    entry.flags = bytes.u16(at + 8);
    entry.method = bytes.u16(at + 10);
    entry.checksum = bytes.u32(at + 16);
    entries.push_back(std::move(entry));
    at += kDirectorySize + name_size + extra_size + bytes.u16(at + 32);
  }
  return entries;
}

/// CRC-32 of zip archives, eight bytes at a time.
uint32_t crc32(std::string_view text) {
  static const auto tables = [] {
    std::array<std::array<uint32_t, 256>, 8> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      t[0][i] = i;
      for (int bit = 0; bit < 8; ++bit) t[0][i] = t[0][i] >> 1 ^ (t[0][i] & 1 ? 0xedb88320 : 0);
    }
    for (size_t k = 1; k < 8; ++k) {
      for (uint32_t i = 0; i < 256; ++i) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 255];
    }
    return t;
  }();
  uint32_t crc = 0xffffffff;
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::array<uint8_t, 8> b;
    std::copy_n(text.data() + at, 8, b.begin());
    for (size_t k = 0; k < 4; ++k) b[k] ^= static_cast<uint8_t>(crc >> 8 * k);
    crc = 0;
    for (size_t k = 0; k < 8; ++k) crc ^= tables[7 - k][b[k]];
  }
  for (; at < text.size(); ++at) {
    crc = crc >> 8 ^ tables[0][(crc ^ static_cast<uint8_t>(text[at])) & 255];
  }
  return ~crc;
}

}  // namespace

bool begins_as_zip(std::string_view bytes) {
  return bytes.substr(0, 4) == std::string_view("PK\3\4", 4);
}

std::map<std::string, std::string_view> read_zip_directory(const MappedFile& file,
                                                           const std::filesystem::path& path) {
  const Bytes bytes({reinterpret_cast<const char*>(file.data()), file.size()}, path);
  std::map<std::string, std::string_view> files;
  for (const Entry& entry : entries_of(bytes)) {
    const std::string& name = entry.name;
    if (entry.method != 0 || (entry.flags & 1) != 0) {
      bytes.refuse("entry " + in_quotes(name) +
                   (entry.method != 0 ? " is compressed" : " is encrypted") +
                   ", expected entries stored as they are, as torch.save writes them");
    }
    if (entry.packed != entry.size) {
      bytes.refuse("entry " + in_quotes(name) + " has two sizes: the zip directory is damaged");
    }
    if (!files.emplace(name, stored_bytes(bytes, entry, name)).second) {
      bytes.refuse("entry " + in_quotes(name) + " stands twice in the zip directory");
    }
  }
  return files;
}

void check_zip_checksums(const MappedFile& file, const std::filesystem::path& path) {
  const Bytes bytes({reinterpret_cast<const char*>(file.data()), file.size()}, path);
  for (const Entry& entry : entries_of(bytes)) {
    if (entry.method != 0) continue;
    if (crc32(stored_bytes(bytes, entry, entry.name)) != entry.checksum) {
      bytes.refuse("entry " + in_quotes(entry.name) + " is not what was written: damaged");
    }
  }
}

}  // namespace groundglass
