#include "groundglass/core/claim.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// The name of this machine since it was last started, and of the container that numbers processes.
const std::string& this_machine() {
  static const std::string name = [] {
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    std::error_code unknown;
    std::string text = host;
    const fs::path boot = "/proc/sys/kernel/random/boot_id";
    if (fs::exists(boot, unknown)) text += "/" + split_text(read_file(boot), '\n').front();
    return text + "/" + fs::read_symlink("/proc/self/ns/pid", unknown).string();
  }();
  return name;
}

/// When a process began, in ticks since the machine did; "" if there is none or it has ended and is
/// only remembered by its parent.
std::string begin_of(const std::string& process) {
  const fs::path path = fs::path("/proc") / process / "stat";
  std::error_code unknown;
  if (!fs::exists(path, unknown)) return "";
  std::string text;
  try {
    text = read_file(path);
  } catch (const Error&) {
    return "";  // it ended between the two looks
  }
  const size_t name_end = text.rfind(')');  // a name may hold spaces and brackets
  if (name_end == std::string::npos || name_end + 2 > text.size()) return "";
  const auto fields = split_text(std::string_view(text).substr(name_end + 2), ' ');
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X") return "";
  return fields[19];
}

fs::path numbered(const fs::path& path, int64_t n) {
  return path.string() + "." + std::to_string(n);
}

/// The number of the newest claim, or -1.
int64_t newest(const fs::path& path) {
  int64_t n = -1;
  std::error_code unknown;  // what cannot be looked up cannot be made either, and is told then
  while (fs::exists(numbered(path, n + 1), unknown)) ++n;
  return n;
}

/// True if this process, and no other, has made the file.
bool made(const fs::path& file) {
  const int handle = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (handle >= 0) {
    close(handle);
    return true;
  }
  if (errno == EEXIST) return false;
  fail(ErrorKind::data, file.string() + ": cannot be made (" + std::strerror(errno) + ")");
}

class FileClaim final : public Claim {
 public:
  FileClaim(fs::path path, int64_t number, double beat_seconds)
      : path_(std::move(path)), number_(number), beat_seconds_(beat_seconds) {
    write("held");
    beats_ = std::thread([this] { beat(); });
  }
  ~FileClaim() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    beats_.join();
    try {
      write("released");
    } catch (const std::exception&) {  // NOLINT: then the end of the process says it
    }
  }
  bool lost() const override { return lost_; }

 private:
  void write(const char* state) {
    const std::string process = std::to_string(getpid());
    write_file(
        numbered(path_, number_),
        joined({this_machine(), process, begin_of(process), state, std::to_string(count_++)}, " "),
        Flush::to_system);
  }
  void beat() {
    std::unique_lock lock(mutex_);
    const auto pause = std::chrono::duration<double>(beat_seconds_);
    while (!wake_.wait_for(lock, pause, [this] { return ending_; })) {
      if (fs::exists(numbered(path_, number_ + 1))) lost_ = true;
      try {
        write("held");
      } catch (const std::exception&) {  // NOLINT: a full disk now may be well at the next beat
      }
    }
  }

  fs::path path_;
  int64_t number_;
  double beat_seconds_;
  int64_t count_ = 0;
  bool ending_ = false;
  std::atomic<bool> lost_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread beats_;
};

/// Sleeps, but not through a signal.
void pause_for(double seconds) {
  const double end = now_s() + seconds;
  while (now_s() < end) {
    if (stop_signal() != 0) {
      throw Stopped(stop_signal(), "stopped while other processes work");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

bool Claims::alive(const fs::path& file) {
  const std::string text = read_file(file);
  const auto words = split_text(text, ' ');
  if (words.size() == 5 && words[3] == "released") return false;
  if (words.size() == 5 && words[0] == this_machine()) {
    const std::string begin = begin_of(words[1]);
    return !begin.empty() && begin == words[2];
  }
  Seen& seen = seen_[file];  // of another machine, or made a moment ago and not yet written
  if (seen.since_s == 0 || seen.text != text) seen = {text, now_s()};
  return now_s() - seen.since_s < options_.silent_seconds;
}

std::unique_ptr<Claim> Claims::take(const fs::path& path) {
  make_folder(path.parent_path());
  const int64_t held = newest(path);
  if (held >= 0 && alive(numbered(path, held))) return nullptr;
  if (!made(numbered(path, held + 1))) return nullptr;
  return std::make_unique<FileClaim>(path, held + 1, options_.beat_seconds);
}

void do_shared(const std::vector<SharedPiece>& pieces, Claims& claims,
               const std::function<void(size_t)>& waiting) {
  bool told = false;
  while (true) {
    size_t elsewhere = 0;
    bool worked = false;
    for (const auto& piece : pieces) {
      if (piece.done()) continue;
      const auto claim = claims.take(piece.claim);
      if (claim == nullptr) {
        ++elsewhere;
        continue;
      }
      if (piece.done()) continue;  // its owner has ended it between the two questions
      try {
        piece.work(*claim);
        worked = true;
      } catch (const ClaimLost&) {
        ++elsewhere;
      }
    }
    if (elsewhere == 0) return;
    if (worked) continue;
    if (!told && waiting) waiting(elsewhere);
    told = true;
    pause_for(claims.options().poll_seconds);
  }
}

}  // namespace groundglass
