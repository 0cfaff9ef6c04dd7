#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"

namespace groundglass {

class Child;

/// A process that answers what the server cannot answer itself, since LibTorch and the libraries
/// for images are not in it. It is started by the first question and ended after a while without
/// any, so that a server that nobody uses stays small. Questions are answered one after the other;
/// may be asked from several threads.
///
/// The process reads one object a line and answers each with one: {"bytes": n} and then n bytes,
/// {"error": text, "kind": word}, or any other. Lines that are no objects are what a library
/// printed.
class Assistant {
 public:
  struct Options {
    std::vector<std::string> command;
    std::filesystem::path log;     ///< takes its standard error
    double idle_seconds = 60;      ///< until it is ended
    double patience_seconds = 60;  ///< for one answer
  };
  struct Answer {
    nlohmann::ordered_json told;
    std::string bytes;
  };

  explicit Assistant(Options options);
  ~Assistant();
  Assistant(const Assistant&) = delete;
  Assistant& operator=(const Assistant&) = delete;

  /// Throws the Error that the process tells; Error(internal) if it ends without an answer, takes
  /// too long (it is killed then), or the server ends.
  Answer ask(const nlohmann::ordered_json& question);

  /// Ends the process; questions that wait, and later ones, are not answered.
  void stop();

  /// Whether the process is there now.
  bool awake() const { return awake_; }

 private:
  /// An answer or an error: a future's own exceptions are shared between threads in a way that the
  /// thread sanitizer takes for a race.
  struct Outcome {
    Answer answer;
    std::optional<Error> error;
  };
  struct Asked {
    std::string line;
    std::promise<Outcome> outcome;
  };
  void work();
  Answer answer_of(Child& child, const std::string& line);

  Options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Asked> asked_;
  std::atomic<bool> ending_ = false, awake_ = false;
  std::thread thread_;
};

}  // namespace groundglass
