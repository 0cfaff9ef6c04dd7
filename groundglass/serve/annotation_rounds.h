#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "groundglass/annotate/store.h"

namespace groundglass {

/// Who works on which case of an annotation project right now. Kept in memory: a server that starts
/// anew has forgotten it, and what was chosen is in the project.
class CaseLocks {
 public:
  struct Held {
    std::string annotator;
    std::chrono::system_clock::time_point until;  ///< for people to read
    std::chrono::steady_clock::time_point ends;   ///< that no setting of the clock moves
  };
  using Key = std::pair<std::string, int64_t>;  ///< project, case

  /// Nothing if nobody holds it, or has not been heard of for ten minutes.
  std::optional<Held> holder(const Key& key);
  /// Takes or keeps it. Returns false while another annotator holds it.
  bool take(const Key& key, const std::string& annotator);
  void give_back(const Key& key, const std::string& annotator);
  std::map<int64_t, Held> of_project(const std::string& project);

 private:
  std::optional<Held> current(const Key& key);

  std::mutex mutex_;
  std::map<Key, Held> held_;
};

/// Names of the annotation projects in a folder, sorted.
std::vector<std::string> project_names(const std::filesystem::path& rounds);

/// The folder of one of them. Throws HttpError(404) if there is none of that name.
std::filesystem::path project_folder(const std::filesystem::path& rounds, const std::string& name);

}  // namespace groundglass
