#include "groundglass/serve/run_scores.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/core/files.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

struct Counts {
  double tp = 0, fp = 0, fn = 0;
};

/// One test image and what was counted on it.
struct Tested {
  std::string id;
  Counts counts;
};

struct TestFile {
  ordered_json document;
  std::vector<Tested> images;
};

std::optional<TestFile> read_test_file(const fs::path& run) {
  std::error_code unknown;
  if (!fs::exists(run / "test.json", unknown)) return std::nullopt;
  TestFile file{ordered_json::parse(read_file(run / "test.json"), nullptr, false), {}};
  const auto& d = file.document;
  if (!d.is_object() || !d.contains("columns") || !d.contains("items")) return std::nullopt;
  try {
    std::map<std::string, size_t> column;
    for (const auto& name : d["columns"]) column.emplace(name, column.size());
    for (const auto& item : d["items"]) {
      const auto number = [&](const char* name) { return item.at(column.at(name)).get<double>(); };
      file.images.push_back({item.at(column.at("id")), {number("tp"), number("fp"), number("fn")}});
    }
  } catch (const std::exception&) {  // of another program
    return std::nullopt;
  }
  return file;
}

ordered_json ratio(double part, double whole) {
  return whole > 0 ? ordered_json(part / whole) : ordered_json(nullptr);
}

ordered_json number_or_null(const ordered_json& document, const char* key) {
  const auto at = document.find(key);
  return at != document.end() && at->is_number() ? *at : ordered_json(nullptr);
}

ordered_json dice_of(const Counts& c) {
  return ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn);
}

}  // namespace

ordered_json test_scores(const fs::path& run) {
  const auto file = read_test_file(run);
  if (!file) return nullptr;
  Counts sum;
  for (const auto& image : file->images) {
    sum.tp += image.counts.tp;
    sum.fp += image.counts.fp;
    sum.fn += image.counts.fn;
  }
  return {{"cases", file->images.size()},
          {"best_epoch", number_or_null(file->document, "best_epoch")},
          {"threshold", number_or_null(file->document, "threshold")},
          {"dice", dice_of(sum)},
          {"iou", ratio(sum.tp, sum.tp + sum.fp + sum.fn)},
          {"precision", ratio(sum.tp, sum.tp + sum.fp)},
          {"sensitivity", ratio(sum.tp, sum.tp + sum.fn)}};
}

ordered_json worst_images(const fs::path& run, size_t most, ImageNames names) {
  auto worst = ordered_json::array();
  const auto file = read_test_file(run);
  if (!file) return worst;
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < file->images.size(); ++i) {
    const Counts& c = file->images[i].counts;
    if (c.tp + c.fn > 0) order.emplace_back(dice_of(c).get<double>(), i);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [dice, i] : order) {
    if (worst.size() == most) break;
    const Tested& image = file->images[i];
    worst.push_back(
        {{"name", names == ImageNames::shown ? image.id : "test image " + std::to_string(i + 1)},
         {"dice", dice},
         {"missed", image.counts.fn},
         {"added", image.counts.fp},
         {"infected", image.counts.tp + image.counts.fn}});
  }
  return worst;
}

}  // namespace groundglass
