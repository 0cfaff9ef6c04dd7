#include "groundglass/core/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>

#include "groundglass/core/error.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::string reason() {
  return std::strerror(errno);
}

/// Same folder (rename must not cross file systems), same ending, unique in this process and among
/// processes of other machines that share the folder and may have the same number.
fs::path temporary_beside(const fs::path& path) {
  static std::atomic<uint64_t> counter{0};
  static const auto machine = std::to_string(std::random_device{}());
  return path.parent_path() / (".tmp-" + std::to_string(getpid()) + "-" + machine + "-" +
                               std::to_string(counter++) + "-" + path.filename().string());
}

void flush_to_disk(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0) return;
  fsync(file);
  close(file);
}

void rename_over(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::rename(from, to, code);
  if (!code) return;
  fs::remove(from, code);
  fail(ErrorKind::data, to.string() + ": cannot be written (" + code.message() + ")");
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code unknown;
  if (fs::is_directory(path, unknown))
    fail(ErrorKind::data, path.string() + ": is a folder, not a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(ErrorKind::data, path.string() + ": cannot be opened (" + reason() + ")");
  std::string bytes;
  const auto size = fs::file_size(path, unknown);
  if (!unknown) bytes.resize(static_cast<size_t>(size));
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(in.gcount()));
  // What has no size beforehand (pipes, /proc) or has grown.
  if (in) bytes.append(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  if (in.bad()) fail(ErrorKind::data, path.string() + ": cannot be read (" + reason() + ")");
  return bytes;
}

void write_file(const fs::path& path, std::string_view bytes, Flush flush) {
  AtomicFile file(path, flush);
  {
    std::ofstream out(file.temporary(), std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) fail(ErrorKind::data, path.string() + ": cannot be written (" + reason() + ")");
  }
  file.commit();
}

AtomicFile::AtomicFile(fs::path path, Flush flush)
    : path_(std::move(path)), temporary_(temporary_beside(path_)), flush_(flush) {
  if (!path_.parent_path().empty()) make_folder(path_.parent_path());
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  if (flush_ == Flush::to_disk) flush_to_disk(temporary_);
  rename_over(temporary_, path_);
  committed_ = true;
}

MappedFile::MappedFile(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0) fail(ErrorKind::data, path.string() + ": cannot be opened (" + reason() + ")");
  struct stat info {};
  fstat(file, &info);
  size_ = static_cast<size_t>(info.st_size);
  void* mapped = size_ == 0 ? nullptr : mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
  const std::string why = reason();
  close(file);
  if (mapped == nullptr) fail(ErrorKind::data, path.string() + ": is empty");
  if (mapped == MAP_FAILED) {
    fail(ErrorKind::data, path.string() + ": cannot be mapped (" + why + ")");
  }
  data_ = static_cast<const uint8_t*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

void MappedFile::drop(const void* begin, size_t bytes) const {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto from = reinterpret_cast<uintptr_t>(begin) / page * page;
  const auto to = reinterpret_cast<uintptr_t>(begin) + bytes;
  madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

void make_folder(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code || !fs::is_directory(path)) {
    fail(ErrorKind::usage, path.string() + ": the folder cannot be made (" +
                               (code ? code.message() : "a file has that name") + ")");
  }
}

std::filesystem::path inside_folder(const std::filesystem::path& path) {
  std::filesystem::path inside;
  for (const auto& part : path.relative_path()) {
    if (part != ".." && part != "." && !part.empty()) inside /= part;
  }
  return inside;
}

}  // namespace groundglass
