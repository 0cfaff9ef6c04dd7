#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/evaluate/study_table.h"
#include "groundglass/runs/run_settings.h"
#include "groundglass/runs/search_run.h"

namespace groundglass {

/// A search as it is called for.
struct SearchCall {
  SearchPlan plan;
  std::string data;  ///< data set or prepared set
  std::filesystem::path output;
  RunSettings settings;
  bool test = false;    ///< at the end score the best trial on its test rows, once
  std::string command;  ///< that repeats the call, for captions
};

/// A search as one process runs it, in a folder that others may share: prepares what is to be
/// prepared, trains, and leaves plan.json, search.md, .csv, .json (and .html where figures are
/// built), and best.toml in the folder.
class Search {
 public:
  /// `observer` must live as long as the search.
  Search(SearchCall call, Observer& observer);

  /// Runs what is left of it. Throws as begin_search(), run_search() and check_set_fits() do, and
  /// Stopped after a signal.
  void run();

  /// The trials, best first, and the winner's test scores if there are any, as Markdown.
  std::string markdown() const;
  /// The same with times, rungs and caption, as search.json holds it.
  nlohmann::ordered_json document() const;

 private:
  void open_sets();
  std::filesystem::path prepared(const Recipe& recipe, const RunFolder& folder);
  std::filesystem::path set_folder(const Recipe& recipe) const;
  TrialData data_of(const Recipe& recipe, int64_t fold) const;
  std::vector<std::string> surroundings() const;
  void tell(const SearchStanding& standing);
  std::vector<RunFolder> winner_folders() const;
  void test_winner();
  std::optional<StudyTable> winner_table() const;
  std::string caption() const;
  nlohmann::ordered_json document(const SearchStanding& standing) const;
  void write(const SearchStanding& standing) const;

  const SearchCall call_;
  Observer& observer_;
  Claims claims_;
  std::map<std::filesystem::path, std::unique_ptr<PreparedSet>> sets_;
  SearchStanding standing_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  int64_t before_ = 0;  ///< epochs that were done when this process began
};

}  // namespace groundglass
