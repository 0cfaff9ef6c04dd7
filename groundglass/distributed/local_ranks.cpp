#include "groundglass/distributed/local_ranks.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/world.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr auto kLook = std::chrono::milliseconds(20);
/// Once one rank has ended badly, the others have time to find out who is missing and to say so.
constexpr auto kAfterTrouble = std::chrono::seconds(12);

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

}  // namespace

int run_local_ranks(int64_t count) {
  return LocalRanks(count).wait();
}

}  // namespace groundglass
