#include "groundglass/serve/annotation_rounds.h"

#include <algorithm>

#include "groundglass/core/text.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {
constexpr auto kPatience = std::chrono::minutes(10);
}

std::optional<CaseLocks::Held> CaseLocks::current(const Key& key) {
  const auto found = held_.find(key);
  if (found == held_.end()) return std::nullopt;
  if (found->second.ends > std::chrono::steady_clock::now()) return found->second;
  held_.erase(found);
  return std::nullopt;
}

std::optional<CaseLocks::Held> CaseLocks::holder(const Key& key) {
  const std::lock_guard lock(mutex_);
  return current(key);
}

bool CaseLocks::take(const Key& key, const std::string& annotator) {
  const std::lock_guard lock(mutex_);
  const auto now = current(key);
  if (now && now->annotator != annotator) return false;
  held_[key] = {annotator, std::chrono::system_clock::now() + kPatience,
                std::chrono::steady_clock::now() + kPatience};
  return true;
}

void CaseLocks::give_back(const Key& key, const std::string& annotator) {
  const std::lock_guard lock(mutex_);
  const auto now = current(key);
  if (now && now->annotator == annotator) held_.erase(key);
}

std::map<int64_t, CaseLocks::Held> CaseLocks::of_project(const std::string& project) {
  const std::lock_guard lock(mutex_);
  std::map<int64_t, Held> found;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [key, held] : held_) {
    if (key.first == project && held.ends > now) found[key.second] = held;
  }
  return found;
}

std::vector<std::string> project_names(const fs::path& rounds) {
  std::vector<std::string> found;
  std::error_code unknown;
  for (fs::directory_iterator at(rounds, unknown), end; at != end; at.increment(unknown)) {
    if (fs::exists(at->path() / "annotation.sqlite", unknown)) {
      found.push_back(at->path().filename().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

fs::path project_folder(const fs::path& rounds, const std::string& name) {
  for (const auto& known : project_names(rounds)) {
    if (known == name) return rounds / name;
  }
  throw HttpError(404, ErrorKind::usage,
                  "annotation project " + in_quotes(name.substr(0, 60)) + ": there is none");
}

}  // namespace groundglass
