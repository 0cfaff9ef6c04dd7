#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace groundglass {

/// What happens, for everybody who listens: the Server-Sent Events of the server. A listener that
/// does not keep up loses the oldest events.
class EventHub {
 public:
  /// One who listens, as long as it lives. Must not outlive the hub.
  class Listener {
   public:
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// The next events in the format of Server-Sent Events; empty after `seconds` without any, or
    /// when the hub is closed.
    std::string next(double seconds);

   private:
    friend class EventHub;
    Listener(EventHub& hub, std::string study) : hub_(hub), study_(std::move(study)) {}

    EventHub& hub_;
    std::string study_;
    std::deque<std::string> events_;
  };

  /// study  of which events are wanted; empty for all.
  std::unique_ptr<Listener> listen(const std::string& study);

  /// study  that the event concerns; empty for everybody.
  void tell(const std::string& name, const nlohmann::ordered_json& data, const std::string& study);

  /// Wakes all who wait; next() returns at once from now on.
  void close();
  bool closed();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Listener*> listeners_;
  bool closed_ = false;
};

/// One event as it is sent.
std::string event_text(const std::string& name, const nlohmann::ordered_json& data);

}  // namespace groundglass
