#include "groundglass/data/problems.h"

#include <algorithm>

namespace groundglass {

void Problems::add(const std::string& problem) {
  const std::lock_guard lock(guard_);
  all_.push_back(problem);
}

bool Problems::empty() const {
  const std::lock_guard lock(guard_);
  return all_.empty();
}

void Problems::refuse(const std::string& where) const {
  const std::lock_guard lock(guard_);
  if (all_.empty()) return;
  auto sorted = all_;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() == 1) fail(ErrorKind::data, sorted.front());
  std::string text = where + ": " + std::to_string(sorted.size()) + " problems";
  for (const auto& problem : sorted) text += "\n  " + problem;
  fail(ErrorKind::data, text);
}

}  // namespace groundglass
