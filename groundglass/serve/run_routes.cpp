#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>

#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/run_scores.h"
#include "groundglass/serve/target.h"
#include "groundglass/serve/upload_path.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// Without a new epoch for so long, and for so many of its longest ones, a training counts as
/// stopped.
constexpr double kSilentSeconds = 600, kSilentEpochs = 3;
constexpr size_t kMostRuns = 500;
constexpr size_t kMostWorst = 12;

const std::vector<std::pair<std::string, std::string>> kShownFiles = {
    {".png", "image/png"},
    {".csv", "text/csv; charset=utf-8"},
    {".json", "application/json"},
    {".jsonl", "application/x-ndjson"},
    {".toml", "text/plain; charset=utf-8"},
    {".html", "text/html; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"}};

/// The name of a run in addresses: its path with '~' for '/'.
std::string run_name(const fs::path& runs, const fs::path& run) {
  std::string name = run.lexically_relative(runs).generic_string();
  std::replace(name.begin(), name.end(), '/', '~');
  return name;
}

bool is_run(const fs::path& folder) {
  std::error_code unknown;
  return fs::is_regular_file(folder / "recipe.toml", unknown) &&
         fs::is_regular_file(folder / "events.jsonl", unknown);
}

/// All runs, at most four folders deep; links are not followed.
std::vector<fs::path> find_runs(const fs::path& runs) {
  std::vector<fs::path> found;
  std::error_code unknown;
  const auto skip = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(runs, skip, unknown), end; at != end && !unknown;
       at.increment(unknown)) {
    if (!at->is_directory(unknown) || at->is_symlink(unknown)) continue;
    if (at.depth() >= 4) at.disable_recursion_pending();
    const std::string name = at->path().filename().string();
    if (name.find('~') != std::string::npos || !is_utf8(name)) continue;  // no address names it
    if (is_run(at->path())) found.push_back(at->path());
    if (found.size() == kMostRuns) break;
  }
  std::sort(found.begin(), found.end());
  return found;
}

fs::path run_of(const Api& api, const Call& call) {
  const std::string& name = call.parts.at("run");
  for (const auto& run : find_runs(api.runs)) {
    if (run_name(api.runs, run) == name) return run;
  }
  throw HttpError(404, ErrorKind::usage,
                  "run " + in_quotes(name.substr(0, 80)) + ": there is none");
}

/// What events.jsonl tells.
struct RunEvents {
  ordered_json curves = ordered_json::array();  ///< numbers of each epoch; null for none
  std::vector<std::string> warnings;
  int64_t damaged = 0;  ///< lines that cannot be read
};

/// Of lines that are half written, or another program's, what can be read. A resumed training may
/// have written an epoch twice.
RunEvents events_of(const fs::path& run) {
  RunEvents events;
  std::map<int64_t, ordered_json> epochs;
  const std::string text = read_file(run / "events.jsonl");
  const auto lines = split_text(text, '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const auto event = ordered_json::parse(lines[i], nullptr, false);
    const auto word = [&](const char* key) {
      const bool there = event.is_object() && event.contains(key) && event[key].is_string();
      return there ? event[key].get<std::string>() : "";
    };
    if (word("event") == "warning") {
      events.warnings.push_back(word("message"));
    } else if (word("event") == "epoch" && event.contains("epoch") &&
               event["epoch"].is_number_integer()) {
      ordered_json values = ordered_json::object();
      for (const auto& [key, value] : event.items()) {
        if (value.is_number() || value.is_null()) values[key] = value;
      }
      epochs[event["epoch"]] = values;
    } else if (word("event").empty() || word("event") == "epoch") {
      const bool last = i + 1 == lines.size();  // it is being written
      if (!last) ++events.damaged;
    }
  }
  for (auto& [epoch, values] : epochs) events.curves.push_back(std::move(values));
  return events;
}

double number_or(const ordered_json& values, const char* key, double otherwise) {
  const auto at = values.find(key);
  return at != values.end() && at->is_number() ? at->get<double>() : otherwise;
}

/// "name = value  # what" of a resolved recipe.
std::string recipe_value(const std::string& recipe, const std::string& key) {
  for (const auto& line : split_text(recipe, '\n')) {
    if (line.compare(0, key.size() + 3, key + " = ") != 0) continue;
    std::string value = line.substr(key.size() + 3);
    value = value.substr(0, value.find("  #"));
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return "";
}

/// When the training last wrote; "" where that is not known.
std::string changed_at(const fs::path& file) {
  std::error_code unknown;
  const auto written = fs::last_write_time(file, unknown);
  if (unknown) return "";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::file_clock::to_sys(written).time_since_epoch());
  const std::time_t time = seconds.count();
  std::tm utc = {};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&time, &utc));
  return text;
}

/// What of a run's files cannot be read, in one line; null if all can.
ordered_json problem_of(const fs::path& run, const std::string& recipe, const RunEvents& events) {
  std::vector<std::string> problems;
  if (!is_utf8(recipe)) problems.emplace_back("recipe.toml is no text");
  if (events.damaged > 0) {
    problems.push_back(std::to_string(events.damaged) + (events.damaged == 1 ? " line" : " lines") +
                       " of events.jsonl cannot be read");
  }
  std::error_code unknown;
  if (fs::exists(run / "test.json", unknown) && test_scores(run).is_null()) {
    problems.emplace_back("test.json holds no scores that can be read");
  }
  return problems.empty() ? ordered_json(nullptr) : ordered_json(joined(problems, "; "));
}

ordered_json run_view(const fs::path& runs, const fs::path& run, const RunEvents& events) {
  std::error_code unknown;
  const auto& curves = events.curves;
  const std::string recipe = read_file(run / "recipe.toml");
  const auto epochs = static_cast<int64_t>(number_in(recipe_value(recipe, "epochs")).value_or(0));
  const auto age = std::chrono::duration<double>(fs::file_time_type::clock::now() -
                                                 fs::last_write_time(run / "events.jsonl", unknown))
                       .count();
  const bool finished = fs::exists(run / "test.json", unknown);
  const int64_t done = curves.empty() ? 0 : curves.back()["epoch"].get<int64_t>();
  double seconds = 0, longest = 0, best = -1;
  for (const auto& epoch : curves) {
    const double took = number_or(epoch, "seconds", 0);
    seconds += took;
    longest = std::max(longest, took);
    best = std::max(best, number_or(epoch, "monitor", -1));
  }
  const bool running = !finished && age < std::max(kSilentSeconds, kSilentEpochs * longest);
  ordered_json eta = nullptr;
  if (running && done > 0 && epochs >= done) {
    eta = seconds / static_cast<double>(curves.size()) * static_cast<double>(epochs - done);
  }
  const std::string model = recipe_value(recipe, "name");
  return {
      {"name", run_name(runs, run)},
      {"kind", recipe.find("\n[classifier]") != std::string::npos ? "classifier" : "segmentation"},
      {"model", is_utf8(model) ? model : ""},
      {"state", finished  ? "finished"
                : running ? "running"
                          : "stopped"},
      {"epoch", done},
      {"epochs", epochs},
      {"eta_s", eta},
      {"best", best < 0 ? ordered_json(nullptr) : ordered_json(best)},
      {"changed", changed_at(run / "events.jsonl")},
      {"problem", problem_of(run, recipe, events)}};
}

/// The folds that a run is one of, itself included, by number; empty for a run that is no fold.
ordered_json folds_of(const Api& api, const fs::path& run) {
  const auto number = [](const fs::path& folder) {
    const std::string name = folder.filename().string();
    return name.compare(0, 5, "fold_") == 0 ? number_in(name.substr(5)) : std::nullopt;
  };
  std::map<double, fs::path> siblings;
  std::error_code unknown;
  if (number(run)) {
    for (fs::directory_iterator at(run.parent_path(), unknown), end; at != end;
         at.increment(unknown)) {
      const auto k = number(at->path());
      if (k && !at->is_symlink(unknown) && is_run(at->path())) siblings[*k] = at->path();
    }
  }
  auto folds = ordered_json::array();
  for (const auto& [k, folder] : siblings) {
    ordered_json fold = run_view(api.runs, folder, events_of(folder));
    fold["fold"] = k;
    fold["test"] = test_scores(folder);
    folds.push_back(fold);
  }
  return folds;
}

void list_runs(Api& api, Call& call) {
  auto all = ordered_json::array();
  for (const auto& run : find_runs(api.runs)) {
    all.push_back(run_view(api.runs, run, events_of(run)));
  }
  call.reply(all);
}

void get_run(Api& api, Call& call) {
  const fs::path run = run_of(api, call);
  const RunEvents events = events_of(run);
  ordered_json view = run_view(api.runs, run, events);
  auto files = ordered_json::array();
  std::error_code unknown;
  std::vector<std::string> names;
  for (fs::directory_iterator at(run, unknown), end; at != end; at.increment(unknown)) {
    const auto shown = std::any_of(kShownFiles.begin(), kShownFiles.end(), [&](const auto& kind) {
      return at->path().extension() == kind.first;
    });
    if (shown) names.push_back(at->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  view["curves"] = events.curves;
  view["warnings"] = events.warnings;
  view["notes"] = fs::exists(run / "notes.md", unknown) ? read_file(run / "notes.md") : "";
  view["summary"] = fs::exists(run / "test.json", unknown)
                        ? ordered_json::parse(read_file(run / "test.json"), nullptr, false)
                        : ordered_json(nullptr);
  if (!view["summary"].is_object()) view["summary"] = nullptr;
  view["test"] = test_scores(run);
  view["worst"] =
      worst_images(run, kMostWorst, api.show_identity ? ImageNames::shown : ImageNames::hidden);
  view["folds"] = folds_of(api, run);
  view["files"] = names;
  call.reply(view);
}

void get_run_file(Api& api, Call& call) {
  const fs::path run = run_of(api, call);
  const fs::path path = run / call.parts.at("file");
  for (const auto& [ending, type] : kShownFiles) {
    if (path.extension() != ending || path.parent_path() != run) continue;
    if (!is_file_inside(run, path)) break;
    // A page of a run holds its own styles, which our policy keeps from being applied within ours.
    return call.reply_file(path, type, ending == ".html" ? path.filename().string() : "");
  }
  throw HttpError(404, ErrorKind::usage, "the run has no such file to show");
}

}  // namespace

void add_run_routes(Api& api, std::vector<Route>& routes) {
  const auto add = [&](const char* pattern, void (*handler)(Api&, Call&)) {
    routes.push_back({"GET", pattern, [&api, handler](Call& call) { handler(api, call); }});
  };
  add("/runs", list_runs);
  add("/runs/{run}", get_run);
  add("/runs/{run}/files/{file}", get_run_file);
}

}  // namespace groundglass
