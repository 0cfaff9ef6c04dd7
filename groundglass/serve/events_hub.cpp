#include "groundglass/serve/events_hub.h"

#include <chrono>

#include "groundglass/core/json_text.h"

namespace groundglass {
namespace {
constexpr size_t kMostEvents = 256;
}

EventHub::Listener::~Listener() {
  const std::lock_guard lock(hub_.mutex_);
  hub_.listeners_.remove(this);
}

std::string EventHub::Listener::next(double seconds) {
  std::unique_lock lock(hub_.mutex_);
  hub_.changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                         [this] { return hub_.closed_ || !events_.empty(); });
  std::string text;
  for (const auto& event : events_) text += event;
  events_.clear();
  return text;
}

std::unique_ptr<EventHub::Listener> EventHub::listen(const std::string& study) {
  std::unique_ptr<Listener> listener(new Listener(*this, study));
  const std::lock_guard lock(mutex_);
  listeners_.push_back(listener.get());
  return listener;
}

void EventHub::tell(const std::string& name, const nlohmann::ordered_json& data,
                    const std::string& study) {
  const std::string text = event_text(name, data);
  {
    const std::lock_guard lock(mutex_);
    for (auto* listener : listeners_) {
      if (!listener->study_.empty() && !study.empty() && listener->study_ != study) continue;
      if (listener->events_.size() == kMostEvents) listener->events_.pop_front();
      listener->events_.push_back(text);
    }
  }
  changed_.notify_all();
}

void EventHub::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool EventHub::closed() {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::string event_text(const std::string& name, const nlohmann::ordered_json& data) {
  return "event: " + name + "\ndata: " + json_text(data) + "\n\n";
}

}  // namespace groundglass
