// What libFuzzer calls. Bytes become a file in memory (/dev/shm), a reader reads it, and whatever
// the reader does but return or throw an Error of one line is a finding.
#include "tests/fuzz/foreign_file.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "groundglass/core/error.h"

namespace {
namespace fs = std::filesystem;
using groundglass::FuzzTarget;

const FuzzTarget& chosen() {
  const char* name = std::getenv("GROUNDGLASS_FUZZ_TARGET");
  const auto& all = groundglass::fuzz_targets();
  const auto found = all.find(name == nullptr ? "" : name);
  if (found != all.end()) return found->second;
  std::cerr << "GROUNDGLASS_FUZZ_TARGET: expected one of";
  for (const auto& [known, target] : all) std::cerr << " " << known;
  std::cerr << std::endl;
  std::exit(2);
}

/// A folder of this process in memory, removed at the end.
class Folder {
 public:
  Folder() : path_("/dev/shm/groundglass_fuzz_" + std::to_string(getpid())) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write_bytes(const fs::path& path, const uint8_t* data, size_t size) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(data, 1, size, file) != size) std::abort();
  std::fclose(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzTarget& target = chosen();
  static const Folder folder;
  const fs::path file = folder.path() / target.file_name;
  write_bytes(file, data, size);
  try {
    target.read(file);
  } catch (const groundglass::Error& e) {
    const std::string text = e.what();
    const std::string first = text.substr(0, text.find('\n'));
    // Lists of problems (core/problems.h) have a line for each.
    if (first.empty() || (first != text && !first.ends_with(" problems"))) {
      std::cerr << "an Error has to be one line: " << text << std::endl;
      std::abort();
    }
    if (e.kind() == groundglass::ErrorKind::internal) {
      std::cerr << "an internal error: " << text << std::endl;
      std::abort();
    }
  }
  return 0;
}
