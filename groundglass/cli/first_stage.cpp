// The first stage of the program. It is a process of its own because both things that it does have
// to happen before LibTorch is loaded: libgomp reads its environment when it is loaded, and
// OpenBLAS reserves memory then and tries for ever where a limit forbids it.
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

#include "groundglass/core/error.h"
#include "groundglass/core/version.h"

namespace {
namespace fs = std::filesystem;
using groundglass::ErrorKind;

/// Rounds that a thread of OpenMP turns at a barrier before it sleeps. With libgomp's own number
/// threads spin while the thread they wait for has no processor: beside one busy process a study
/// took fifteen times as long (docs/results/busy.md); without one 1000 rounds are as fast.
constexpr const char* kSpinCount = "1000";

/// Address space that the libraries map before `main`: with 700 MiB they never come back, with 900
/// nothing is left for the work.
constexpr rlim_t kLeastMib = 1024;

int refuse(ErrorKind kind, const std::string& message) {
  std::cerr << "error: " << message << std::endl;
  return static_cast<int>(kind);
}

bool is_set(const char* name) {
  return std::getenv(name) != nullptr;
}

/// What the user has set wins.
void limit_spinning() {
  if (is_set("GOMP_SPINCOUNT") || is_set("OMP_WAIT_POLICY")) return;
  setenv("GOMP_SPINCOUNT", kSpinCount, 1);
  setenv("GROUNDGLASS_SPINCOUNT", kSpinCount, 1);  // tells `info` who has set it
}

/// PREFIX/libexec/<name>-program for PREFIX/bin/<name>.
fs::path second_stage() {
  const fs::path own = fs::read_symlink("/proc/self/exe");
  return own.parent_path().parent_path() / "libexec" / (own.filename().string() + "-program");
}

int run(int count, char** words) {
  if (count == 2 && std::string_view(words[1]) == "--version") {
    std::cout << groundglass::version_line() << std::endl;
    return 0;
  }
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur >> 20 < kLeastMib) {
    return refuse(ErrorKind::device,
                  "the address space is limited to " + std::to_string(limit.rlim_cur >> 20) +
                      " MiB (ulimit -v), expected " + std::to_string(kLeastMib) +
                      " MiB or more, which libraries reserve before any work; raise the limit");
  }
  limit_spinning();
  const fs::path program = second_stage();
  execv(program.c_str(), words);
  return refuse(ErrorKind::internal, program.string() + ": cannot be run (" + std::strerror(errno) +
                                         "); install GroundGlass again");
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::exception& e) {
    return refuse(ErrorKind::internal, e.what());
  }
}
