#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// A program that was started, whose standard output is read line by line. It is killed when the
/// thread that started it ends, and with the object.
class Child {
 public:
  /// command  the path of the program and its words.
  /// log      takes its standard error.
  /// Throws Error(internal) if it cannot be started.
  Child(const std::vector<std::string>& command, const std::filesystem::path& log);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  enum class Read { line, nothing_yet, end };
  /// Waits at most `seconds` for the next line, without its end.
  Read next_line(std::string& line, double seconds);

  void signal(int number) const;

  /// After the end of its output: the exit code, or 128 + the signal that ended it.
  int wait();

 private:
  pid_t process_ = -1;
  int output_ = -1;
  std::string pending_;
};

}  // namespace groundglass
