#include "groundglass/distributed/meeting_notes.h"

#include <chrono>
#include <thread>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

#ifdef GROUNDGLASS_GLOO

namespace groundglass {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(20);
constexpr double kReportsWithin_s = 3;  ///< living ranks say where they are
constexpr const char* kGoOn = "; the same command goes on from the last checkpoint";

}  // namespace

std::string first_line_of(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string meeting_text(const World& world) {
  return world.meeting == Meeting::file ? world.file
                                        : world.address + ":" + std::to_string(world.port);
}

StorePtr open_store(const World& world, bool serves, double timeout_s) {
  const auto timeout = std::chrono::milliseconds(static_cast<int64_t>(timeout_s * 1000));
  if (world.meeting == Meeting::file) {
    auto store = c10::make_intrusive<c10d::FileStore>(world.file, -1);
    store->setTimeout(timeout);
    return store;
  }
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(world.port);
  options.isServer = serves && world.meeting == Meeting::listener;
  options.waitWorkers = false;
  options.timeout = timeout;
  return c10::make_intrusive<c10d::TCPStore>(world.address, options);
}

void MeetingNotes::open(StorePtr store, const World& world, double timeout_s) {
  store_ = std::move(store);
  world_ = world;
  timeout_s_ = timeout_s;
}

bool MeetingNotes::holds(const std::string& name) {
  return store_->check({key(name)});
}

void MeetingNotes::write(const std::string& name, const std::string& text) {
  store_->set(key(name), std::vector<uint8_t>(text.begin(), text.end()));
}

bool MeetingNotes::has(const std::string& name) {
  const std::lock_guard lock(guard_);
  return holds(name);
}

std::string MeetingNotes::text(const std::string& name) {
  const std::lock_guard lock(guard_);
  const auto bytes = store_->get(key(name));
  return {bytes.begin(), bytes.end()};
}

void MeetingNotes::put(const std::string& name, const std::string& text) {
  const std::lock_guard lock(guard_);
  write(name, text);
}

bool MeetingNotes::wait_for(const std::string& name, double end_s) {
  while (!has(name)) {
    if (now_s() > end_s) return false;
    std::this_thread::sleep_for(kLookAgain);
  }
  return true;
}

std::string MeetingNotes::of_ranks(const std::vector<std::string>& ranks) const {
  constexpr size_t kNamed = 8;
  const size_t more = ranks.size() > kNamed ? ranks.size() - kNamed : 0;
  const std::vector<std::string> named(ranks.begin(), ranks.end() - static_cast<int64_t>(more));
  return (ranks.size() == 1 ? "rank " : "ranks ") + joined(named, ", ") +
         (more > 0 ? " and " + std::to_string(more) + " more" : "") + " of " +
         std::to_string(world_.size);
}

void MeetingNotes::assemble() {
  put("here/" + std::to_string(world_.rank));
  const double end = now_s() + timeout_s_;
  std::vector<std::string> late;
  for (int64_t r = 0; r < world_.size; ++r) {
    if (!wait_for("here/" + std::to_string(r), end)) late.push_back(std::to_string(r));
  }
  if (late.empty()) return;
  fail(ErrorKind::device, of_ranks(late) + " did not come to " + meeting_text(world_) + " within " +
                              fixed(timeout_s_, 0) +
                              " s; look at what they say, or give more time with --timeout");
}

void MeetingNotes::tell_trouble(const std::string& message, int signal_number) {
  const std::lock_guard lock(guard_);
  if (holds("trouble")) return;
  if (signal_number != 0) write("stopped", std::to_string(signal_number));
  write("said", "rank " + std::to_string(world_.rank) + " of " + std::to_string(world_.size) +
                    " has ended: " + message);
  write("trouble", "1");
}

bool MeetingNotes::speaks_first() {
  const std::lock_guard lock(guard_);
  const bool first = store_->add(key("spoken"), 1) == 1;
  write("heard/" + std::to_string(world_.rank), "1");
  return first;
}

void MeetingNotes::report(int64_t begun) {
  const std::lock_guard lock(guard_);
  const std::string mine = "at/" + std::to_string(world_.rank);
  if (!holds(mine)) write(mine, std::to_string(begun));
}

std::string MeetingNotes::who_is_missing(const std::string& what, const std::string& why,
                                         int64_t begun) {
  if (has("said")) return text("said");
  std::vector<std::string> silent, behind;
  const double end = now_s() + kReportsWithin_s;
  for (int64_t r = 0; r < world_.size; ++r) {
    if (r == world_.rank) continue;
    const std::string number = std::to_string(r), theirs = "at/" + number;
    if (!wait_for(theirs, end)) {
      silent.push_back(number);
    } else if (std::stoll(text(theirs)) < begun) {
      behind.push_back(number);
    }
  }
  const auto& named = silent.empty() ? behind : silent;
  if (named.empty()) {
    return "the " + std::to_string(world_.size) + " ranks have lost each other while " + what +
           " (" + first_line_of(why) + ")" + kGoOn;
  }
  return of_ranks(named) + (named.size() == 1 ? " is" : " are") + " missing while " + what +
         " (dead, or not there within " + fixed(timeout_s_, 0) + " s)" + kGoOn;
}

std::string MeetingNotes::rank_0_is_gone(const std::string& what) const {
  return "rank 0 of " + std::to_string(world_.size) + " is missing (" + what + "; " +
         meeting_text(world_) + " does not answer)" + kGoOn;
}

}  // namespace groundglass

#endif
