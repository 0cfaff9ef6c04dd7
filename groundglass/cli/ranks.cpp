#include "groundglass/cli/ranks.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <thread>

#include <torch/cuda.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/distributed/team.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr double kLongestTimeout_s = 86400;
constexpr auto kLook = std::chrono::milliseconds(20);
/// Once one rank has ended badly, the others have time to find out who is missing and to say so.
constexpr auto kAfterTrouble = std::chrono::seconds(12);

bool spoken_for = false;
World own_world;

/// A folder of its own under the temporary one, removed at the end.
class MeetingFolder {
 public:
  MeetingFolder() {
    std::string name = (fs::temp_directory_path() / "groundglass-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      fail(ErrorKind::data, name + ": cannot be made (" + std::strerror(errno) +
                                "); point TMPDIR to a folder that can be written to");
    }
    path_ = name;
  }
  ~MeetingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  MeetingFolder(const MeetingFolder&) = delete;
  MeetingFolder& operator=(const MeetingFolder&) = delete;
  std::string file() const { return (path_ / "meeting").string(); }

 private:
  fs::path path_;
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

/// The words of this process's command line.
std::vector<std::string> own_words() {
  auto words = split_text(read_file("/proc/self/cmdline"), '\0');
  if (!words.empty() && words.back().empty()) words.pop_back();
  return words;
}

pid_t start_rank(int64_t rank, int64_t size, const std::string& meeting) {
  auto words = own_words();
  Environment environment = own_environment();
  for (const auto& [name, value] : environment_of_rank(rank, size, meeting)) {
    environment[name] = value;
  }
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment) lines.push_back(name + "=" + value);
  const auto argv = pointers(words), envp = pointers(lines);
  const pid_t parent = getpid(), child = fork();
  if (child < 0) {
    fail(ErrorKind::device, std::string("a process cannot be started (") + std::strerror(errno) +
                                "); start fewer with --processes");
  }
  if (child > 0) return child;
  // A group of its own: Ctrl-C reaches the parent, which hands it on once. Without a parent the
  // ranks stop as if they had been told to.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(128 + SIGTERM);
  execve("/proc/self/exe", argv.data(), envp.data());
  _exit(static_cast<int>(ErrorKind::internal));
}

/// The local ranks of --processes.
class LocalRanks {
 public:
  explicit LocalRanks(int64_t size) : status_(static_cast<size_t>(size)) {
    for (int64_t r = 0; r < size; ++r) {
      status_[static_cast<size_t>(r)].process = start_rank(r, size, folder_.file());
    }
  }
  ~LocalRanks() { tell(SIGKILL); }
  LocalRanks(const LocalRanks&) = delete;
  LocalRanks& operator=(const LocalRanks&) = delete;

  /// The exit code of all of them together: 6 if one was killed, else that of the first rank that
  /// did not end well. Ranks that still live twelve seconds after one has ended so are killed.
  int wait() {
    bool told = false;
    const auto never = std::chrono::steady_clock::time_point::max();
    auto patience = never;
    while (any_lives()) {
      if (stop_signal() != 0 && !told) {
        tell(stop_signal());
        told = true;
      }
      look();
      if (troubled_ && patience == never) {
        patience = std::chrono::steady_clock::now() + kAfterTrouble;
      }
      if (std::chrono::steady_clock::now() > patience) {
        given_up_ = true;
        tell(SIGKILL);
      }
      std::this_thread::sleep_for(kLook);
    }
    if (killed_ >= 0) {
      std::cerr << "rank " << killed_ << " of " << status_.size() << " was killed by signal "
                << signal_ << std::endl;
      return static_cast<int>(ErrorKind::device);
    }
    for (const auto& one : status_) {
      if (one.code != 0) return one.code;
    }
    return 0;
  }

 private:
  struct Status {
    pid_t process = 0;
    bool ended = false;
    int code = 0;
  };

  bool any_lives() const {
    return std::any_of(status_.begin(), status_.end(), [](const auto& s) { return !s.ended; });
  }

  void tell(int signal_number) {
    for (const auto& one : status_) {
      if (!one.ended) kill(one.process, signal_number);
    }
  }

  void look() {
    for (size_t r = 0; r < status_.size(); ++r) {
      auto& one = status_[r];
      int status = 0;
      if (one.ended || waitpid(one.process, &status, WNOHANG) != one.process) continue;
      one.ended = true;
      if (WIFEXITED(status)) {
        one.code = WEXITSTATUS(status);
        troubled_ = troubled_ || one.code != 0;
      } else if (killed_ < 0 && !given_up_) {
        troubled_ = true;
        killed_ = static_cast<int64_t>(r);
        signal_ = WTERMSIG(status);
      }
    }
  }

  MeetingFolder folder_;
  std::vector<Status> status_;
  int64_t killed_ = -1;
  bool troubled_ = false, given_up_ = false;
  int signal_ = 0;
};

void check_rank_options(const Context& context) {
  const int64_t most = std::max<int64_t>(64, 4 * usable_processors());
  if (context.processes < 0 || context.processes > most) {
    fail(ErrorKind::usage, "--processes " + std::to_string(context.processes) + ": expected 1 to " +
                               std::to_string(most) + " on this machine");
  }
  if (!(context.timeout_s >= 1) || context.timeout_s > kLongestTimeout_s) {
    fail(ErrorKind::usage, "--timeout " + shortest(context.timeout_s) + ": expected 1 to " +
                               shortest(kLongestTimeout_s) + " seconds");
  }
}

/// The processors of one rank, where --threads does not say: a launcher that binds its ranks has
/// handed them out, otherwise the ranks of a machine share them.
int64_t threads_of_rank(const World& world) {
  const int64_t usable = usable_processors();
  const bool bound = usable < static_cast<int64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  const bool handed_out = bound && world.meeting != Meeting::file;
  return handed_out ? usable
                    : std::max<int64_t>(1, usable / std::max<int64_t>(1, world.local_size));
}

/// The GPU of a rank's number on its machine, where a GPU is asked for without one.
void choose_gpu(Context& context) {
  const auto gpus = static_cast<int64_t>(torch::cuda::device_count());
  if (gpus == 0 || (context.device != "auto" && context.device != "cuda")) return;
  context.device = "cuda:" + std::to_string(own_world.local_rank % gpus);
}

void work_as_rank(Context& context, const std::function<void()>& work) {
  if (context.threads == 0) set_threads(threads_of_rank(own_world));
  choose_gpu(context);
  TeamOptions options;
  options.timeout_s = context.timeout_s;
  Team* joined = nullptr;
  options.on_lost = [&joined](const std::string& message) {
    if (joined == nullptr || joined->leave_early(message)) {
      std::cerr << "error: " << rank_in_front() << message << std::endl;
    }
    std::_Exit(static_cast<int>(ErrorKind::device));
  };
  const auto ranks = join_team(own_world, options);
  joined = ranks.get();
  const TeamScope scope(*ranks);
  try {
    ranks->check_same("the program", version_line() + " " + build_shape());
    work();
    ranks->leave();
  } catch (const Stopped& e) {
    if (ranks->stops_together()) {
      spoken_for = !ranks->leads();
      ranks->leave();
    } else {
      spoken_for = !ranks->leave_early(e.what(), e.exit_code() - 128);
    }
    throw;
  } catch (const std::exception& e) {
    spoken_for = !ranks->leave_early(e.what());
    throw;
  }
}

}  // namespace

void add_rank_options(CLI::App* verb, Context& context) {
  verb->add_option("--processes", context.processes,
                   "processes of this machine that train together; under torchrun, mpirun or srun "
                   "the launcher says it");
  verb->add_option("--timeout", context.timeout_s,
                   "seconds until a process that does not answer counts as lost (600)");
}

void run_as_team(Context& context, const std::function<void()>& work) {
  check_rank_options(context);
  own_world = world_of(own_environment());
  if (own_world.size > 1) {
    const bool ours = own_world.meeting == Meeting::file;
    if (context.processes > 0 && !ours && context.processes != own_world.size) {
      fail(ErrorKind::usage, "--processes " + std::to_string(context.processes) + ": " +
                                 own_world.launcher + " has started " +
                                 std::to_string(own_world.size) +
                                 " ranks already; leave --processes out");
    }
    return work_as_rank(context, work);
  }
  if (context.processes <= 1) return work();
  if (team_backends().empty()) {
    fail(ErrorKind::device, "--processes: this build's LibTorch has no Gloo; train in one process");
  }
  LocalRanks ranks(context.processes);
  context.exit_code = ranks.wait();
}

bool errors_are_mine() {
  return !spoken_for;
}

std::string rank_in_front() {
  if (own_world.rank == 0) return "";
  return "rank " + std::to_string(own_world.rank) + " of " + std::to_string(own_world.size) + ": ";
}

}  // namespace groundglass
