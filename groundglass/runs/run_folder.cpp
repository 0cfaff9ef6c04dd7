#include "groundglass/runs/run_folder.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// The folders in `folder` that `wanted` is true of, by name.
template <class Wanted>
std::vector<RunFolder> folders_in(const fs::path& folder, const Wanted& wanted) {
  std::vector<fs::path> paths;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (wanted(RunFolder(entry.path()))) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  return {paths.begin(), paths.end()};
}

}  // namespace

std::vector<RunFolder> RunFolder::folds_with_weights() const {
  return folders_in(path_, [](const RunFolder& inner) { return inner.has_weights(); });
}

std::vector<RunFolder> RunFolder::begun_runs() const {
  if (begun()) return {*this};
  return folders_in(path_, [](const RunFolder& inner) { return inner.begun(); });
}

std::optional<fs::path> RunFolder::nearby_prepared_set() const {
  for (const RunFolder& folder : {*this, RunFolder(path_.parent_path())}) {
    if (fs::exists(folder.prepared_set())) return folder.prepared_set();
  }
  return std::nullopt;
}

Split RunFolder::read_split(const PreparedSet& set, const std::string& why) const {
  if (!fs::exists(split())) {
    fail(ErrorKind::checkpoint,
         split().string() + ": is missing, so it is not known " + why + "; name a run folder");
  }
  return parse_split_json(read_file(split()), set.rows());
}

std::set<std::string> RunFolder::split_ids(const std::vector<std::string>& parts) const {
  std::set<std::string> ids;
  if (!fs::exists(split())) return ids;
  const auto document = nlohmann::json::parse(read_file(split()), nullptr, false);
  if (!document.is_object()) {
    fail(ErrorKind::checkpoint, split().string() + ": is no JSON object");
  }
  for (const auto& part : parts) {
    for (const auto& id : document.value(part, nlohmann::json::array())) ids.insert(id);
  }
  return ids;
}

fs::path weights_file(const fs::path& run_or_file) {
  return fs::is_directory(run_or_file) ? RunFolder(run_or_file).weights() : run_or_file;
}

}  // namespace groundglass
