#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace groundglass {

inline bool has_peers() {
  return std::system("command -v storescu > /dev/null && command -v storescp > /dev/null") == 0;
}

/// A program that runs beside the test and is killed at its end.
class Child {
 public:
  Child(const std::vector<std::string>& words, const std::filesystem::path& log) {
    process_ = fork();
    if (process_ != 0) return;
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, 1);
    dup2(out, 2);
    std::vector<char*> arguments;
    for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  ~Child() { end(SIGKILL); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Sends a signal and returns how the program ended, as a shell tells it.
  int end(int signal_number) {
    if (process_ <= 0) return -1;
    kill(process_, signal_number);
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t process_ = 0;
};

/// Waits until something is true, at most so many seconds.
inline bool wait_until(const std::function<bool()>& happened, double seconds = 20) {
  for (double waited = 0; waited < seconds; waited += 0.05) {
    if (happened()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return happened();
}

/// A port that nobody listens at.
inline uint16_t free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  socklen_t size = sizeof address;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  close(descriptor);
  return ntohs(address.sin_port);
}

/// A bare connection to a port of this machine.
class BareConnection {
 public:
  explicit BareConnection(uint16_t port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    connected_ =
        connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~BareConnection() { close(descriptor_); }
  BareConnection(const BareConnection&) = delete;
  BareConnection& operator=(const BareConnection&) = delete;

  bool connected() const { return connected_; }
  void say(const std::string& bytes) const {
    [[maybe_unused]] const ssize_t sent =
        send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  int descriptor_;
  bool connected_ = false;
};

/// Runs storescu and returns its exit code; what it says is appended to `log`.
inline int storescu(uint16_t port, const std::filesystem::path& folder,
                    const std::filesystem::path& log, const std::string& options = "-aet CT1") {
  const std::string line = "storescu " + options + " -aec GROUNDGLASS 127.0.0.1 " +
                           std::to_string(port) + " +sd '" + folder.string() + "' >> '" +
                           log.string() + "' 2>&1";
  return WEXITSTATUS(std::system(line.c_str()));
}

}  // namespace groundglass
