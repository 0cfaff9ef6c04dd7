#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace groundglass {

/// The whole file. Throws Error(data) with the path and the reason of the system.
std::string read_file(const std::filesystem::path& path);

/// How far a written file must have got before it takes its name.
enum class Flush {
  to_disk,    ///< survives a power cut; for what took hours
  to_system,  ///< survives the end of the program; for what is made again in seconds
};

/// Writes beside the target under a temporary name and renames: a killed program leaves the old
/// file or the new one, never half of one. Makes missing folders.
void write_file(const std::filesystem::path& path, std::string_view bytes,
                Flush flush = Flush::to_disk);

/// Why a file could not be written, for messages: what the system said last if it is about room, a
/// limit or the device, else a library's own words, which seldom say that.
std::string why_not_written(const std::string& otherwise);

/// A file that is written piece by piece by somebody else under `temporary()` and appears under its
/// own name at `commit()`. Without a commit the temporary file is removed.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path, Flush flush = Flush::to_disk);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Beside the target, with the target's ending, since writers choose a format by it.
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Throws Error(data) if the system says only now that the disk or the quota is full.
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  Flush flush_;
  bool committed_ = false;
};

/// A file mapped into memory for reading. Pages are shared between processes and dropped under
/// pressure, so a data set may be larger than the memory.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  /// Gives the memory of the pages that lie wholly or in part in these bytes back; they are read
  /// again when they are looked at.
  void drop(const void* begin, size_t bytes) const;

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

/// The path without what would lead out of a folder that it is put into: its root, "." and "..".
/// A table that names its images by absolute paths must not have outputs written beside them.
std::filesystem::path inside_folder(const std::filesystem::path& path);

/// SHA-256 (FIPS 180-4) in hexadecimal digits.
std::string sha256(std::string_view bytes);
std::string sha256_of_file(const std::filesystem::path& path);

/// Makes the folder and its parents. Throws Error(usage) with the reason if that fails, e.g.
/// because a file is in the way.
void make_folder(const std::filesystem::path& path);

}  // namespace groundglass
