// The first stage of the program. It is a process of its own because what it does has to happen
// before LibTorch is loaded: libgomp reads its environment when it is loaded, and OpenBLAS then
// chooses its kernels and reserves memory, which it tries for ever where a limit forbids it. What
// needs no LibTorch it answers itself, since loading takes a third of a second and more beside busy
// processes: help, wrong lines, `info`.
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>

#include <torch/version.h>

#include "groundglass/command/command_line.h"
#include "groundglass/command/info_text.h"
#include "groundglass/command/option_table.h"
#include "groundglass/command/verb_text.h"
#include "groundglass/core/blas_kernels.h"
#include "groundglass/core/error.h"

namespace {
namespace fs = std::filesystem;
using groundglass::ErrorKind;

/// option_table() of the second stage, made by it when it was built.
constexpr const char* kOptionTable =
#include "option_table.inc"
    ;

/// Rounds that a thread of OpenMP turns at a barrier before it sleeps. With libgomp's own number
/// threads spin while the thread they wait for has no processor: beside one busy process a study
/// took fifteen times as long (docs/results/busy.md); without one 1000 rounds are as fast.
constexpr const char* kSpinCount = "1000";

/// Address space that the libraries map before `main`: with 700 MiB they never come back, with 900
/// nothing is left for the work.
constexpr rlim_t kLeastMib = 1024;

/// With 128 KiB the program crashed, with 160 it ran; threads get stacks of this size, too.
constexpr rlim_t kLeastStackKib = 256;

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

/// So that an OpenBLAS older than the processor uses what the processor has. What the user has set
/// wins.
void choose_blas_kernels() {
  const std::string kernels = groundglass::cpu_blas_kernels();
  if (kernels.empty() || is_set("OPENBLAS_CORETYPE")) return;
  setenv("OPENBLAS_CORETYPE", kernels.c_str(), 1);
  setenv("GROUNDGLASS_BLAS_KERNELS", kernels.c_str(), 1);  // tells `info` who has set it
}

/// PREFIX/libexec/<name>-program for PREFIX/bin/<name>; the server is a program without LibTorch.
fs::path second_stage(const std::string& verb) {
  const fs::path own = fs::read_symlink("/proc/self/exe");
  const char* stage = verb == "serve" ? "-serve" : "-program";
  return own.parent_path().parent_path() / "libexec" / (own.filename().string() + stage);
}

/// The exit code of what needs no LibTorch: help, version, lines that are wrong, and `info` where
/// LibTorch knows no device but the processor. Else nothing, and `app` knows the verb.
std::optional<int> answer(CLI::App& app, int count, char** words) {
  groundglass::describe_program(app);
  groundglass::add_from_table(app, nlohmann::json::parse(kOptionTable));
  if (const auto code = groundglass::answer_from_line(app, count, words)) return code;
  const CLI::App& verb = *app.get_subcommands().front();
  if (const auto* threads = verb.get_option_no_throw("--threads"); threads != nullptr) {
    if (threads->count() > 0) groundglass::check_threads(threads->as<int64_t>());
  }
#ifdef GROUNDGLASS_PROCESSOR_ALONE
  if (verb.get_name() == "info") {
    std::vector<std::string> backends;
    if (*GROUNDGLASS_TEAM_BACKENDS != '\0') backends = {GROUNDGLASS_TEAM_BACKENDS};
    const groundglass::InfoText info = {
        TORCH_VERSION, {"cpu"}, backends, groundglass::shown_verbs(app)};
    verb.count("--json") > 0 ? print_info_json(info) : print_info(info);
    return 0;
  }
#endif
  return std::nullopt;
}

int run(int count, char** words) {
  limit_spinning();
  choose_blas_kernels();
  CLI::App app;
  if (const auto code = answer(app, count, words)) return groundglass::after_flush(*code);
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      limit.rlim_cur >> 20 < kLeastMib) {
    return refuse(ErrorKind::device,
                  "the address space is limited to " + std::to_string(limit.rlim_cur >> 20) +
                      " MiB (ulimit -v), expected " + std::to_string(kLeastMib) +
                      " MiB or more, which libraries reserve before any work; raise the limit");
  }
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >> 10 < kLeastStackKib) {
    return refuse(ErrorKind::device,
                  "the stack is limited to " + std::to_string(limit.rlim_cur >> 10) +
                      " KiB (ulimit -s), expected " + std::to_string(kLeastStackKib) +
                      " KiB or more; raise the limit");
  }
  const fs::path program = second_stage(app.get_subcommands().front()->get_name());
  execv(program.c_str(), words);
  return refuse(ErrorKind::internal, program.string() + ": cannot be run (" + std::strerror(errno) +
                                         "); install GroundGlass again");
}

}  // namespace

int main(int count, char** words) {
  // A file that grows beyond `ulimit -f` is then an error with a line, as on a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run(count, words);
  } catch (const groundglass::Error& e) {
    return refuse(e.kind(), e.what());
  } catch (const std::exception& e) {
    return refuse(ErrorKind::internal, e.what());
  }
}
