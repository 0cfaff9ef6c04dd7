#include "groundglass/predict/parts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// What parts must have in common.
constexpr std::array<const char*, 5> kShared = {"weights_sha256", "threshold", "temperature",
                                                "lungs", "commit"};

int64_t number(const std::string& text) {
  int64_t value = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? value : -1;
}

int64_t slurm_number(const std::string& name) {
  const char* text = std::getenv(name.c_str());
  if (text == nullptr) {
    fail(ErrorKind::usage, "--part slurm: " + name +
                               " is not set, expected a job array of Slurm (sbatch --array=1-4)");
  }
  const int64_t value = number(text);
  if (value < 0) fail(ErrorKind::usage, "--part slurm: " + name + " is " + in_quotes(text));
  return value;
}

Part slurm_part() {
  const int64_t id = slurm_number("SLURM_ARRAY_TASK_ID");
  const int64_t first = slurm_number("SLURM_ARRAY_TASK_MIN");
  const int64_t last = slurm_number("SLURM_ARRAY_TASK_MAX");
  const int64_t count = slurm_number("SLURM_ARRAY_TASK_COUNT");
  if (last - first + 1 != count || id < first || id > last) {
    fail(ErrorKind::usage, "--part slurm: task " + std::to_string(id) + " of " +
                               std::to_string(count) + " from " + std::to_string(first) + " to " +
                               std::to_string(last) + ", expected tasks without gaps");
  }
  return {id - first + 1, count};
}

bool alike(const ordered_json& a, const ordered_json& b) {
  return std::all_of(kShared.begin(), kShared.end(), [&](const char* key) {
    return a.value(key, ordered_json()) == b.value(key, ordered_json());
  });
}

}  // namespace

Part parse_part(const std::string& word) {
  if (word.empty()) return {};
  if (word == "slurm") return slurm_part();
  const auto pieces = split_text(word, '/');
  const Part part = pieces.size() == 2 ? Part{number(pieces[0]), number(pieces[1])} : Part{0, 0};
  if (part.index < 1 || part.count < 1 || part.index > part.count) {
    fail(ErrorKind::usage,
         "--part " + in_quotes(word) + ": expected k/n with k from 1 to n, e.g. 2/4, or slurm");
  }
  return part;
}

std::vector<PredictInput> inputs_of(const Part& part, const std::vector<PredictInput>& all) {
  std::vector<PredictInput> mine;
  for (size_t i = static_cast<size_t>(part.index - 1); i < all.size();
       i += static_cast<size_t>(part.count)) {
    mine.push_back(all[i]);
  }
  return mine;
}

std::string file_of_part(const Part& part, const std::string& stem, const std::string& extension) {
  if (part == Part{}) return stem + extension;
  return stem + "_" + std::to_string(part.index) + "_of_" + std::to_string(part.count) + extension;
}

std::string join_parts(const Part& part, const fs::path& folder) {
  std::vector<ordered_json> parts;
  std::vector<std::string> missing;
  for (int64_t k = 1; k <= part.count; ++k) {
    const std::string name = file_of_part({k, part.count}, "summary", ".json");
    if (!fs::exists(folder / name)) {
      missing.push_back(name);
      continue;
    }
    parts.push_back(ordered_json::parse(read_file(folder / name), nullptr, false));
    if (!parts.back().is_object() || !alike(parts.back(), parts.front())) {
      return name +
             " is of another model, threshold or program than the parts before it; run that "
             "part again";
    }
  }
  if (!missing.empty()) return "waiting for " + listed(missing);
  ordered_json all = parts.front();
  all.erase("part");
  for (size_t k = 1; k < parts.size(); ++k) {
    for (const auto& c : parts[k]["cases"]) all["cases"].push_back(c);
    for (const char* key : {"seconds", "forward_seconds", "peak_rss_mib", "memory_bound_mib"}) {
      if (!parts[k][key].is_number()) continue;  // a part of one picture tells no bound
      const double before = all[key].is_number() ? all[key].get<double>() : 0;
      all[key] = std::max(before, parts[k][key].get<double>());
    }
  }
  std::sort(all["cases"].begin(), all["cases"].end(),
            [](const auto& a, const auto& b) { return a["output"] < b["output"]; });
  all["parts"] = part.count;
  write_file(folder / "summary.json", all.dump(1) + "\n");
  return "";
}

}  // namespace groundglass
