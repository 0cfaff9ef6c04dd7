#include "groundglass/core/files.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <mutex>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "groundglass/core/error.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

std::string reason() {
  return std::strerror(errno);
}

constexpr std::string_view kTemporary = ".tmp-";

/// Of a name's end that a temporary one keeps: enough for every ending that a writer looks at.
constexpr size_t kKeptBytes = 24;

/// Which machine numbers our processes, since when it was started, and in which container: eight
/// digits, or nothing where that cannot be known.
const std::string& process_space() {
  static const std::string digits = [] {
    std::error_code code;
    std::ifstream boot("/proc/sys/kernel/random/boot_id");
    std::string id;
    const std::string space = fs::read_symlink("/proc/self/ns/pid", code).string();
    if (!std::getline(boot, id) || code) return std::string();
    return sha256(id + space).substr(0, 8);
  }();
  return digits;
}

/// True for the temporary file of a process of this machine that has ended: what begins with
/// ".tmp-<process>-<process space>-".
bool is_abandoned(const std::string& name) {
  if (!name.starts_with(kTemporary) || process_space().empty()) return false;
  const char *begin = name.data() + kTemporary.size(), *end = name.data() + name.size();
  pid_t process = 0;
  const auto [stop, error] = std::from_chars(begin, end, process);
  if (error != std::errc() || process <= 0) return false;
  if (!std::string_view(stop, static_cast<size_t>(end - stop))
           .starts_with("-" + process_space() + "-")) {
    return false;
  }
  return kill(process, 0) != 0 && errno == ESRCH;
}

/// Removes what killed processes have left in a folder; looks at each folder once.
void clear_abandoned(const fs::path& folder) {
  static std::mutex guard;
  static std::set<fs::path> looked_at;
  const std::lock_guard lock(guard);
  if (!looked_at.insert(folder).second) return;
  std::error_code code;
  std::vector<fs::path> abandoned;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    if (is_abandoned(at->path().filename().string())) abandoned.push_back(at->path());
  }
  for (const auto& path : abandoned) fs::remove(path, code);
}

/// Same folder (rename must not cross file systems), same ending, unique in this process and among
/// processes of other machines that share the folder and may have the same number. The name is
/// short, so that every name that the file system takes can be written.
fs::path temporary_beside(const fs::path& path) {
  static std::atomic<uint64_t> counter{0};
  static const auto random = std::to_string(std::random_device{}());
  const std::string name = path.filename().string();
  return path.parent_path() / (std::string(kTemporary) + std::to_string(getpid()) + "-" +
                               process_space() + "-" + random + "-" + std::to_string(counter++) +
                               "-" + name.substr(name.size() - std::min(name.size(), kKeptBytes)));
}

bool is_about_room(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO || error == EROFS;
}

/// 0, or what kept the bytes from the disk. Network file systems say only here that it is full;
/// that a file system knows no such call is no failure.
int flush_to_disk(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0) return 0;
  const int error = fsync(file) == 0 ? 0 : errno;
  close(file);
  return is_about_room(error) ? error : 0;
}

void rename_over(const fs::path& from, const fs::path& to) {
  std::error_code code;
  fs::rename(from, to, code);
  if (!code) return;
  std::error_code ignored;
  fs::remove(from, ignored);
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

std::string why_not_written(const std::string& otherwise) {
  return is_about_room(errno) ? reason() : otherwise;
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
  clear_abandoned(path_.parent_path().empty() ? fs::path(".") : path_.parent_path());
}

AtomicFile::~AtomicFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(temporary_, ignored);
}

void AtomicFile::commit() {
  if (const int error = flush_ == Flush::to_disk ? flush_to_disk(temporary_) : 0) {
    fail(ErrorKind::data, path_.string() + ": cannot be written (" + std::strerror(error) + ")");
  }
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
  if (code || !fs::is_directory(path, code)) {
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
