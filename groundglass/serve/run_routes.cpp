#include <algorithm>
#include <sstream>

#include "groundglass/core/files.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/run_scores.h"
#include "groundglass/serve/upload_path.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr double kSilentSeconds = 600;  ///< without a new epoch; then a training counts as stopped
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
  return fs::exists(folder / "recipe.toml", unknown) &&
         fs::exists(folder / "events.jsonl", unknown);
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
    if (at->path().filename().string().find('~') != std::string::npos) continue;
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

/// One object for each epoch; a resumed training may have written an epoch twice.
ordered_json curves_of(const fs::path& run) {
  std::map<int64_t, ordered_json> epochs;
  for (const auto& line : split_text(read_file(run / "events.jsonl"), '\n')) {
    auto event = ordered_json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("event", "") != "epoch") continue;  // one half written
    event.erase("event");
    epochs[event.value("epoch", 0)] = event;
  }
  auto curves = ordered_json::array();
  for (auto& [epoch, values] : epochs) curves.push_back(std::move(values));
  return curves;
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

ordered_json run_view(const fs::path& runs, const fs::path& run, const ordered_json& curves) {
  std::error_code unknown;
  const std::string recipe = read_file(run / "recipe.toml");
  const auto epochs = static_cast<int64_t>(number_in(recipe_value(recipe, "epochs")).value_or(0));
  const auto age = std::chrono::duration<double>(fs::file_time_type::clock::now() -
                                                 fs::last_write_time(run / "events.jsonl", unknown))
                       .count();
  const bool finished = fs::exists(run / "test.json", unknown);
  const int64_t done = curves.empty() ? 0 : curves.back().value("epoch", int64_t{0});
  double seconds = 0, best = -1;
  for (const auto& epoch : curves) {
    seconds += epoch.value("seconds", 0.0);
    if (epoch.contains("monitor") && epoch["monitor"].is_number()) {
      best = std::max(best, epoch["monitor"].get<double>());
    }
  }
  const bool running = !finished && age < kSilentSeconds;
  ordered_json eta = nullptr;
  if (running && done > 0) {
    eta = seconds / static_cast<double>(curves.size()) * static_cast<double>(epochs - done);
  }
  const auto environment = ordered_json::parse(
      fs::exists(run / "environment.json", unknown) ? read_file(run / "environment.json") : "{}",
      nullptr, false);
  const bool known = environment.is_object();
  return {
      {"name", run_name(runs, run)},
      {"kind", recipe.find("\n[classifier]") != std::string::npos ? "classifier" : "segmentation"},
      {"model", recipe_value(recipe, "name")},
      {"state", finished  ? "finished"
                : running ? "running"
                          : "stopped"},
      {"epoch", done},
      {"epochs", epochs},
      {"eta_s", eta},
      {"best", best < 0 ? ordered_json(nullptr) : ordered_json(best)},
      {"changed", known ? environment.value("begun", "") : ""}};
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
    ordered_json fold = run_view(api.runs, folder, curves_of(folder));
    fold["fold"] = k;
    fold["test"] = test_scores(folder);
    folds.push_back(fold);
  }
  return folds;
}

void list_runs(Api& api, Call& call) {
  auto all = ordered_json::array();
  for (const auto& run : find_runs(api.runs)) {
    all.push_back(run_view(api.runs, run, curves_of(run)));
  }
  call.reply(all);
}

void get_run(Api& api, Call& call) {
  const fs::path run = run_of(api, call);
  const auto curves = curves_of(run);
  ordered_json view = run_view(api.runs, run, curves);
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
  view["curves"] = curves;
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
