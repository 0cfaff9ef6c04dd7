#include "groundglass/infer/plan/int8_ranges.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

InputRange range_of(const torch::Tensor& map, double percentile) {
  const auto all = map.contiguous();
  std::vector<float> numbers(all.data_ptr<float>(), all.data_ptr<float>() + all.numel());
  const auto beyond = static_cast<std::ptrdiff_t>(
      std::floor(static_cast<double>(numbers.size()) * (100 - percentile) / 100));
  const auto high = numbers.end() - 1 - beyond, low = numbers.begin() + beyond;
  std::nth_element(numbers.begin(), high, numbers.end());
  const float highest = *high;
  std::nth_element(numbers.begin(), low, numbers.end());
  return {std::min(0.0f, *low), std::max(0.0f, highest)};
}

bool is_range(const json& value) {
  return value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number() &&
         value[0] <= 0 && value[1] >= 0;
}

}  // namespace

void widen_ranges(InputRanges& ranges, const Plan& plan, const torch::Tensor& images,
                  double percentile) {
  for (int64_t n = 0; n < images.size(0); ++n) {
    plan.watch(images.narrow(0, n, 1), [&](const std::string& name, const torch::Tensor& map) {
      const InputRange found = range_of(map, percentile);
      InputRange& range = ranges[name];
      range.low = std::min(range.low, found.low);
      range.high = std::max(range.high, found.high);
    });
  }
}

fs::path int8_file(const fs::path& run_or_weights) {
  if (fs::is_directory(run_or_weights)) return run_or_weights / "int8.json";
  return fs::path(run_or_weights).replace_extension(".int8.json");
}

nlohmann::ordered_json ranges_json(const InputRanges& ranges) {
  auto all = nlohmann::ordered_json::object();
  for (const auto& [name, range] : ranges) all[name] = {range.low, range.high};
  return all;
}

InputRanges int8_ranges(const fs::path& run_or_weights, const std::string& weights_sha256) {
  const fs::path file = int8_file(run_or_weights);
  if (!fs::exists(file)) {
    fail(ErrorKind::usage, file.string() + ": is missing, and int8 needs its ranges; run " +
                               "`groundglass quantise --model " + run_or_weights.string() +
                               " --data SET.ggset` first");
  }
  const json document = json::parse(read_file(file), nullptr, false);
  bool whole = document.is_object() && document.contains("weights_sha256") &&
               document.contains("ranges") && document["ranges"].is_object();
  if (whole) {
    const json& all = document["ranges"];
    whole = !all.empty() && std::all_of(all.begin(), all.end(), is_range);
  }
  if (!whole) {
    fail(ErrorKind::checkpoint, file.string() +
                                    ": holds no weights_sha256 and ranges from below 0 to above; "
                                    "run `groundglass quantise` again, or remove the file");
  }
  if (document["weights_sha256"] != weights_sha256) {
    fail(ErrorKind::checkpoint, file.string() +
                                    ": was made for other weights than are used now; run "
                                    "`groundglass quantise` again, or remove the file");
  }
  InputRanges ranges;
  for (const auto& [name, range] : document["ranges"].items()) {
    ranges[name] = {range[0].get<float>(), range[1].get<float>()};
  }
  return ranges;
}

}  // namespace groundglass
