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

std::vector<std::string> Problems::sorted() const {
  const std::lock_guard lock(guard_);
  auto lines = all_;
  std::sort(lines.begin(), lines.end());
  return lines;
}

void Problems::refuse(const std::string& where) const {
  const auto lines = sorted();
  if (lines.empty()) return;
  if (lines.size() == 1) fail(ErrorKind::data, lines.front());
  std::string text = where + ": " + std::to_string(lines.size()) + " problems";
  for (const auto& line : lines) text += "\n  " + line;
  fail(ErrorKind::data, text);
}

}  // namespace groundglass
