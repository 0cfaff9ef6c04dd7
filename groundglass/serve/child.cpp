#include "groundglass/serve/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"

namespace groundglass {

Child::Child(const std::vector<std::string>& command, const std::filesystem::path& log,
             ChildInput input) {
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  int ends[2] = {-1, -1}, lines[2] = {-1, -1};
  const int errors = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  // A socket, since writing to one that nobody reads any more is no signal.
  if (input == ChildInput::nothing) {
    lines[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines) != 0) {
    lines[0] = -1;
  }
  if (errors < 0 || lines[0] < 0 || pipe2(ends, O_CLOEXEC) != 0) {
    const int reason = errno;
    for (const int handle : {errors, lines[0], lines[1]}) {
      if (handle >= 0) close(handle);
    }
    fail(ErrorKind::internal, log.string() + ": no log or pipe for a job (" +
                                  std::strerror(reason) + "); is the disk full?");
  }
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ == 0) {  // only what is safe beside other threads
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(lines[0], STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    // Sockets of clients are not the job's, and would stay open as long as it runs.
    close_range(STDERR_FILENO + 1, ~0U, 0);
    setpgid(0, 0);  // Ctrl-C of the terminal is for the server, which then tells the job
    execv(words[0], words.data());
    _exit(127);
  }
  close(errors);
  close(lines[0]);
  close(ends[1]);
  output_ = ends[0];
  input_ = lines[1];
  if (process_ < 0) {
    close(output_);
    if (input_ >= 0) close(input_);
    fail(ErrorKind::internal,
         command.front() + ": cannot be started (" + std::strerror(errno) + ")");
  }
}

Child::~Child() {
  close(output_);
  if (input_ >= 0) close(input_);
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
}

Child::Read Child::next_line(std::string& line, double seconds) {
  const double until = now_s() + seconds;
  while (true) {
    if (const size_t end = pending_.find('\n'); end != std::string::npos) {
      line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return Read::line;
    }
    if (const Read read = take_more(until - now_s()); read != Read::line) return read;
  }
}

bool Child::next_bytes(std::string& bytes, size_t count, double seconds) {
  for (const double until = now_s() + seconds; pending_.size() < count;) {
    if (take_more(until - now_s()) != Read::line) return false;
  }
  bytes = pending_.substr(0, count);
  pending_.erase(0, count);
  return true;
}

Child::Read Child::take_more(double seconds) {
  pollfd one = {output_, POLLIN, 0};
  const int ready = poll(&one, 1, static_cast<int>(1000 * std::max(0.0, seconds)));
  if (ready == 0 || (ready < 0 && errno == EINTR)) return Read::nothing_yet;
  std::array<char, 65536> buffer{};
  const ssize_t got = read(output_, buffer.data(), buffer.size());
  if (got <= 0) {
    ended_ = true;
    return Read::end;
  }
  pending_.append(buffer.data(), static_cast<size_t>(got));
  return Read::line;
}

bool Child::write_line(const std::string& line) {
  const std::string bytes = line + "\n";
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = send(input_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

void Child::signal(int number) const {
  if (process_ > 0) kill(process_, number);
}

int Child::wait() {
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace groundglass
