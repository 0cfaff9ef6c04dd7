#pragma once

#include <stdexcept>
#include <string>

namespace groundglass {

/// Who can mend a mistake; the value is the exit code of the program.
enum class ErrorKind {
  internal = 1,    ///< our bug: please report it
  usage = 2,       ///< a wrong command line or argument
  recipe = 3,      ///< a wrong recipe file
  data = 4,        ///< an unreadable, missing or inconsistent image, mask or table
  checkpoint = 5,  ///< weights or a run folder that do not fit
  device = 6,      ///< no such device, or not enough memory on it
};

/// The one exception of the library. The message says what was found, what was expected, where,
/// and what to do; only `main` catches it and speaks.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }
  int exit_code() const noexcept { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

/// Throws Error(kind, message): reads as a statement where a value was expected.
[[noreturn]] inline void fail(ErrorKind kind, const std::string& message) {
  throw Error(kind, message);
}

/// A run was asked to stop by a signal and has saved what it had: exit code 128 + signal.
class Stopped : public std::runtime_error {
 public:
  explicit Stopped(int signal_number, const std::string& message)
      : std::runtime_error(message), signal_(signal_number) {}
  int exit_code() const noexcept { return 128 + signal_; }

 private:
  int signal_;
};

}  // namespace groundglass
