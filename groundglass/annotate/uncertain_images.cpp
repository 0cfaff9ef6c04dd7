#include "groundglass/annotate/uncertain_images.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "groundglass/adapt/certainty.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct Uncertain {
  std::string id;
  double certainty = 0;
};

/// The lines of pseudo_labels.csv below the limit, least certain first.
std::vector<Uncertain> below_the_limit(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(ErrorKind::data, path.string() + ": no such file; expected the run folder of `adapt`");
  }
  const CsvTable table = read_csv(path);
  const int id = table.column("id"), certainty = table.column("certainty"),
            fate = table.column("fate");
  if (id < 0 || certainty < 0 || fate < 0) {
    fail(ErrorKind::data, path.string() +
                              ": is no list of pseudo-labels; expected the columns id, "
                              "certainty and fate, as `adapt` writes them");
  }
  std::vector<Uncertain> found;
  for (const auto& row : table.rows) {
    const auto cell = [&](int column) { return row.cells[static_cast<size_t>(column)]; };
    if (cell(fate) != to_string(SliceFate::below_limit)) continue;
    const auto value = number_in(cell(certainty));
    if (!value) {
      fail(ErrorKind::data, path.string() + ":" + std::to_string(row.line) + ": certainty is " +
                                in_quotes(cell(certainty)) + ", expected a number");
    }
    found.push_back({cell(id), *value});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.certainty < b.certainty; });
  return found;
}

}  // namespace

Dataset uncertain_images(Dataset dataset, const UncertainOptions& options) {
  if (options.adaptation.empty()) return dataset;
  const fs::path path = options.adaptation / "pseudo_labels.csv";
  auto uncertain = below_the_limit(path);
  if (options.most > 0 && static_cast<int64_t>(uncertain.size()) > options.most) {
    uncertain.resize(static_cast<size_t>(options.most));
  }
  if (uncertain.empty()) {
    fail(ErrorKind::data, path.string() +
                              ": no image lies below the limit of the adaptation, so "
                              "nobody has to look at any");
  }
  std::map<std::string, const DataRow*> row_of;
  for (const auto& row : dataset.rows) row_of[row.id] = &row;
  std::vector<DataRow> kept;
  std::vector<std::string> strangers;
  for (const auto& [id, certainty] : uncertain) {
    const auto found = row_of.find(id);
    if (found == row_of.end()) {
      strangers.push_back(id);
    } else {
      kept.push_back(*found->second);
    }
  }
  if (!strangers.empty()) {
    fail(ErrorKind::data, path.string() + ": names " + std::to_string(strangers.size()) +
                              " images that " + dataset.source.string() + " lacks, first " +
                              in_quotes(strangers.front()) +
                              "; expected the pictures that were adapted to");
  }
  dataset.rows = std::move(kept);
  return dataset;
}

}  // namespace groundglass
