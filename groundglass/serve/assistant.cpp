#include "groundglass/serve/assistant.h"

#include <optional>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/child.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
using nlohmann::ordered_json;

Assistant::Assistant(Options options) : options_(std::move(options)) {}

Assistant::~Assistant() {
  stop();
}

Assistant::Answer Assistant::ask(const ordered_json& question) {
  std::future<Outcome> asked;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) fail(ErrorKind::internal, "the server ends");
    // The process ends with the thread that started it, so it is not one that waits for a client.
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    asked_.push_back({json_text(question), {}});
    asked = asked_.back().outcome.get_future();
  }
  changed_.notify_one();
  Outcome outcome = asked.get();
  if (outcome.error) throw Error(outcome.error->kind(), outcome.error->what());
  return std::move(outcome.answer);
}

void Assistant::stop() {
  ending_ = true;
  {
    const std::lock_guard lock(mutex_);  // nobody misses the call
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Assistant::work() {
  std::optional<Child> child;
  while (true) {
    std::optional<Asked> asked;
    {
      std::unique_lock lock(mutex_);
      const auto something = [this] { return ending_ || !asked_.empty(); };
      if (!child) {
        changed_.wait(lock, something);
      } else {
        changed_.wait_for(lock, std::chrono::duration<double>(options_.idle_seconds), something);
      }
      if (!asked_.empty()) {
        asked = std::move(asked_.front());
        asked_.pop_front();
      } else if (ending_) {
        break;
      }
    }
    if (!asked) {
      child.reset();
      awake_ = false;
      continue;
    }
    Outcome outcome;
    try {
      if (!child) child.emplace(options_.command, options_.log, ChildInput::lines);
      awake_ = true;
      outcome.answer = answer_of(*child, asked->line);
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::internal) child.reset();
      outcome.error.emplace(e.kind(), e.what());
    } catch (const std::exception& e) {
      child.reset();
      outcome.error.emplace(ErrorKind::internal, e.what());
    }
    awake_ = child.has_value();
    asked->outcome.set_value(std::move(outcome));
  }
  awake_ = false;
}

Assistant::Answer Assistant::answer_of(Child& child, const std::string& line) {
  const char* ended = "the process that reads images ended without an answer; try again";
  if (!child.write_line(line)) fail(ErrorKind::internal, ended);
  const double until = now_s() + options_.patience_seconds;
  const auto go_on = [&] {
    if (ending_) fail(ErrorKind::internal, "the server ends");
    if (now_s() > until) {
      fail(ErrorKind::internal,
           "the process that reads images took longer than " +
               fixed(options_.patience_seconds, options_.patience_seconds < 1 ? 1 : 0) +
               " s; try again");
    }
  };
  Answer answer;
  std::string said;
  while (true) {
    const auto read = child.next_line(said, 0.1);
    if (read == Child::Read::end) fail(ErrorKind::internal, ended);
    if (read == Child::Read::line) {
      answer.told = ordered_json::parse(said, nullptr, false);
      if (answer.told.is_object()) break;
    }
    go_on();
  }
  if (answer.told.contains("error")) {
    throw Error(kind_of_word(answer.told.value("kind", "")), answer.told.value("error", ""));
  }
  const auto count = answer.told.value("bytes", size_t{0});
  while (!child.next_bytes(answer.bytes, count, 0.1)) {
    if (child.ended()) fail(ErrorKind::internal, ended);
    go_on();
  }
  return answer;
}

}  // namespace groundglass
