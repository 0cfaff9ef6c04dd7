#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace groundglass {

/// What a child reads from its standard input.
enum class ChildInput { nothing, lines };

/// A program that was started, whose standard output is read line by line. It is killed when the
/// thread that started it ends, and with the object.
class Child {
 public:
  /// command  the path of the program and its words.
  /// log      takes its standard error.
  /// Throws Error(internal) if it cannot be started.
  Child(const std::vector<std::string>& command, const std::filesystem::path& log,
        ChildInput input = ChildInput::nothing);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  enum class Read { line, nothing_yet, end };
  /// Waits at most `seconds` for the next line, without its end.
  Read next_line(std::string& line, double seconds);

  /// Waits at most `seconds` for that many bytes that follow the last line; true once they are
  /// there. False as well after the end of its output, which next_line() tells.
  bool next_bytes(std::string& bytes, size_t count, double seconds);

  bool ended() const { return ended_; }  ///< whether its output has ended

  /// A line for it to read, as ChildInput::lines. False if it has ended.
  bool write_line(const std::string& line);

  void signal(int number) const;

  /// After the end of its output: the exit code, or 128 + the signal that ended it.
  int wait();

 private:
  /// Takes what is there into pending_, after at most `seconds`.
  Read take_more(double seconds);

  pid_t process_ = -1;
  int output_ = -1, input_ = -1;
  bool ended_ = false;
  std::string pending_;
};

}  // namespace groundglass
