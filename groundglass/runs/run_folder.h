#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "groundglass/data/split.h"

namespace groundglass {

/// A folder in which a network was, is or will be trained, or which holds such folders (folds): the
/// names of what lies in it, and what can be read from it.
class RunFolder {
 public:
  RunFolder(std::filesystem::path path = {}) : path_(std::move(path)) {}
  RunFolder(const std::string& path) : path_(path) {}

  const std::filesystem::path& path() const { return path_; }
  std::string string() const { return path_.string(); }

  std::filesystem::path recipe() const { return path_ / "recipe.toml"; }  ///< resolved
  std::filesystem::path split() const { return path_ / "split.json"; }    ///< case ids
  std::filesystem::path weights() const { return path_ / "weights.safetensors"; }
  std::filesystem::path state() const { return path_ / "state.safetensors"; }
  std::filesystem::path environment() const { return path_ / "environment.json"; }
  std::filesystem::path events() const { return path_ / "events.jsonl"; }
  std::filesystem::path test_scores() const { return path_ / "test.json"; }
  std::filesystem::path calibration() const { return path_ / "calibration.json"; }
  std::filesystem::path prepared_set() const { return path_ / "prepared.ggset"; }

  /// The folder of fold k, from 0.
  RunFolder fold(int64_t k) const { return path_ / ("fold_" + std::to_string(k)); }

  /// Holds the state of a training, ended or not.
  bool begun() const { return std::filesystem::exists(state()); }
  /// Holds a network: at least one epoch has ended.
  bool has_weights() const { return std::filesystem::exists(weights()); }

  /// The folders inside that hold a network, by name; none where there is no folder.
  std::vector<RunFolder> folds_with_weights() const;
  /// The folder itself if its training has begun, else the folders inside of which this is true.
  std::vector<RunFolder> begun_runs() const;

  /// The prepared set that a training left here or, as for folds, one folder above.
  std::optional<std::filesystem::path> nearby_prepared_set() const;

  /// The split as rows of a set. Throws Error(checkpoint) if the folder holds none (`why` ends the
  /// message: what the split is needed for), if it cannot be read or names an id that the set
  /// lacks.
  Split read_split(const PreparedSet& set, const std::string& why) const;

  /// Ids in the named parts ("train", "val", "test") of the split as it stands in the file, where
  /// the copies of a row are ID@1 and so on; none if there is no split. Throws Error(checkpoint) if
  /// it is no JSON object.
  std::set<std::string> split_ids(const std::vector<std::string>& parts) const;

 private:
  std::filesystem::path path_;
};

/// The file itself, or the weights in a run folder.
std::filesystem::path weights_file(const std::filesystem::path& run_or_file);

}  // namespace groundglass
