#include "groundglass/serve/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/upload_path.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct FreeReader {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeWriter {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct FreeEntry {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};

/// libarchive hands names over in the encoding of the thread's locale, and in "C" names beyond
/// ASCII not at all.
class Utf8Names {
 public:
  Utf8Names() : utf8_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (utf8_ != nullptr) before_ = uselocale(utf8_);
  }
  ~Utf8Names() {
    if (utf8_ == nullptr) return;
    uselocale(before_);
    freelocale(utf8_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;

 private:
  locale_t utf8_ = nullptr, before_ = nullptr;
};

constexpr size_t kEndRecord = 22, kLongestComment = 65535;
constexpr int64_t kCountedElsewhere = 0xffff;  ///< zip64

/// How many entries an archive says it has in the record at its end; nothing where that is missing.
/// libarchive reads archives without it from the front, and takes those that were cut off between
/// two files for whole.
std::optional<int64_t> entries_told(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const auto size = static_cast<size_t>(fs::file_size(path));
  const size_t length = std::min(size, kEndRecord + kLongestComment);
  std::string end(length, '\0');
  in.seekg(static_cast<std::streamoff>(size - length));
  if (!in.read(end.data(), static_cast<std::streamsize>(length))) return std::nullopt;
  const size_t at = end.rfind("PK\5\6");
  if (at == std::string::npos || at + kEndRecord > length) return std::nullopt;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(end[at + i]); };
  return byte(10) | byte(11) << 8;
}

constexpr double kRatioFrom = 64 << 20;

/// The archive's name alone: its path is the server's.
[[noreturn]] void refuse_archive(const fs::path& path, const std::string& why) {
  fail(ErrorKind::data, path.filename().string() + ": " + why);
}

class Unpacking {
 public:
  Unpacking(const fs::path& path, const fs::path& folder, const UnpackLimits& limits)
      : path_(path), folder_(folder), limits_(limits), packed_(fs::file_size(path)) {}

  Unpacked run() {
    const auto told = entries_told(path_);
    if (!told) refuse_archive(path_, "is no whole zip archive (its list of files is missing)");
    const Utf8Names names;
    archive_read_support_format_zip(in_.get());
    if (archive_read_open_filename(in_.get(), path_.c_str(), 1 << 16) != ARCHIVE_OK) damaged();
    archive_entry* entry = nullptr;
    for (int64_t entries = 0;; ++entries) {
      const int got = archive_read_next_header(in_.get(), &entry);
      if (got == ARCHIVE_EOF && *told != kCountedElsewhere && entries != *told) {
        refuse_archive(path_, "is no whole zip archive (holds " + std::to_string(entries) +
                                  " entries, expected " + std::to_string(*told) + ")");
      }
      if (got == ARCHIVE_EOF) break;
      if (got < ARCHIVE_WARN) damaged();
      take(entry);
    }
    if (done_.files == 0) refuse_archive(path_, "holds no files");
    return done_;
  }

 private:
  [[noreturn]] void damaged() const {
    const char* reason = archive_error_string(in_.get());
    refuse_archive(path_, std::string("is no whole zip archive (") +
                              (reason != nullptr ? reason : "unknown") + ")");
  }

  void take(archive_entry* entry) {
    const char* raw = archive_entry_pathname_utf8(entry);
    if (raw == nullptr) raw = archive_entry_pathname(entry);
    std::string name = raw != nullptr ? raw : "";
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFDIR) return;  // made when a file needs them
    if (type != AE_IFREG || archive_entry_hardlink(entry) != nullptr ||
        archive_entry_symlink(entry) != nullptr) {
      refuse_archive(path_, "holds a link or device, " + in_quotes(name.substr(0, 80)) +
                                ", expected files alone");
    }
    if (archive_entry_is_encrypted(entry) != 0) {
      refuse_archive(path_, "is encrypted; unpack it first");
    }
    if (++done_.files > limits_.files) {
      refuse_archive(path_, "holds more than " + std::to_string(limits_.files) + " files");
    }
    fs::path target;
    try {
      target = place_in(folder_, upload_path(name));
    } catch (const Error& e) {
      refuse_archive(path_, e.what());
    }
    if (!seen_.insert(lower(target.string())).second) {
      refuse_archive(path_, "holds " + in_quotes(name.substr(0, 80)) + " twice");
    }
    std::ofstream out(target, std::ios::binary);
    std::array<char, 1 << 16> buffer{};
    while (true) {
      const auto got = archive_read_data(in_.get(), buffer.data(), buffer.size());
      if (got < 0) damaged();
      if (got == 0) break;
      done_.bytes += got;
      check_size();
      out.write(buffer.data(), got);
      if (!out) refuse_archive(path_, "cannot be unpacked; is the disk full?");
    }
    if (!out.flush()) refuse_archive(path_, "cannot be unpacked; is the disk full?");
  }

  void check_size() const {
    const auto bytes = static_cast<double>(done_.bytes);
    if (done_.bytes > limits_.bytes) {
      refuse_archive(path_,
                     "unpacks to more than " + human_bytes(static_cast<double>(limits_.bytes)));
    }
    if (bytes > kRatioFrom && bytes > limits_.ratio * static_cast<double>(packed_)) {
      refuse_archive(path_, "unpacks to more than " + fixed(limits_.ratio, 0) +
                                " times its size, as no images do");
    }
  }

  fs::path path_, folder_;
  UnpackLimits limits_;
  uintmax_t packed_ = 0;
  std::unique_ptr<archive, FreeReader> in_{archive_read_new()};
  std::set<std::string> seen_;
  Unpacked done_;
};

}  // namespace

Unpacked unpack_zip(const fs::path& archive, const fs::path& folder, const UnpackLimits& limits) {
  make_folder(folder);
  try {
    return Unpacking(archive, folder, limits).run();
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    throw;
  }
}

void pack_zip(const fs::path& path, const std::vector<std::pair<std::string, fs::path>>& entries) {
  AtomicFile file(path, Flush::to_system);
  const std::unique_ptr<archive, FreeWriter> out(archive_write_new());
  const auto check = [&](int result) {
    if (result >= ARCHIVE_WARN) return;
    const char* reason = archive_error_string(out.get());
    fail(ErrorKind::data,
         path.string() + ": cannot be written (" + (reason != nullptr ? reason : "unknown") + ")");
  };
  check(archive_write_set_format_zip(out.get()));
  check(archive_write_open_filename(out.get(), file.temporary().c_str()));
  for (const auto& [name, source] : entries) {
    const std::string bytes = read_file(source);
    const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
    archive_entry_set_pathname_utf8(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    check(archive_write_header(out.get(), entry.get()));
    if (archive_write_data(out.get(), bytes.data(), bytes.size()) < 0) check(ARCHIVE_FATAL);
  }
  check(archive_write_close(out.get()));
  file.commit();
}

}  // namespace groundglass
