#include "groundglass/data/stratified_split.h"

#include <algorithm>
#include <map>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

bool among(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

std::vector<Split> stratified_splits(const std::vector<PreparedRow>& rows, const SplitOptions& o) {
  std::map<std::string, std::vector<int64_t>> by_label;
  for (size_t i = 0; i < rows.size(); ++i) {
    by_label[o.mode == SplitMode::slices ? "" : rows[i].label].push_back(static_cast<int64_t>(i));
  }
  if (o.mode != SplitMode::slices && by_label.size() == 1 && by_label.begin()->first.empty()) {
    fail(ErrorKind::data,
         "no row has a label, and folds are to have equal shares of each; add a "
         "column 'label' to the table, or use [split] mode = \"strict\"");
  }
  std::vector<Split> splits(static_cast<size_t>(o.folds));
  Rng rng = rng_for(static_cast<uint64_t>(o.seed), 0, 4);
  for (const auto& [label, members] : by_label) {
    if (static_cast<int64_t>(members.size()) < o.folds) {
      const std::string what =
          o.mode == SplitMode::slices ? "the data" : "label " + in_quotes(label);
      fail(ErrorKind::data, what + " has " + std::to_string(members.size()) +
                                " images and the recipe asks for " + std::to_string(o.folds) +
                                " folds; use fewer folds");
    }
    const auto order = permutation(static_cast<int64_t>(members.size()), rng);
    for (size_t i = 0; i < order.size(); ++i) {
      const Entry entry{members[static_cast<size_t>(order[i])], 0};
      for (size_t fold = 0; fold < splits.size(); ++fold) {
        (i % splits.size() == fold ? splits[fold].test : splits[fold].train).push_back(entry);
      }
    }
  }
  for (auto& split : splits) {
    for (auto* list : {&split.train, &split.test}) {
      std::sort(list->begin(), list->end(),
                [](const Entry& a, const Entry& b) { return a.row < b.row; });
    }
    split.validation = split.test;
  }
  return splits;
}

void balance_training(Split& split, const std::vector<PreparedRow>& rows,
                      const std::vector<std::string>& labels) {
  std::set<std::string> known;
  for (const auto& row : rows) known.insert(row.label);
  for (const auto& label : labels) {
    if (known.count(label) == 0) {
      fail(ErrorKind::data, "no row has the label " + in_quotes(label) + "; the data has " +
                                listed({known.begin(), known.end()}));
    }
  }
  std::vector<int64_t> mine;
  int64_t others = 0;
  for (const auto& entry : split.train) {
    if (entry.copy > 0) continue;
    if (among(labels, rows[static_cast<size_t>(entry.row)].label)) {
      mine.push_back(entry.row);
    } else {
      ++others;
    }
  }
  if (mine.empty() || others == 0) {
    fail(ErrorKind::data, "the training rows are of one class only (" +
                              std::to_string(mine.size()) + " of " + listed(labels) + ", " +
                              std::to_string(others) + " others), expected both");
  }
  const auto n = static_cast<int64_t>(mine.size());
  for (int64_t made = n; made < others; ++made) {
    split.train.push_back({mine[static_cast<size_t>(made % n)], made / n});
  }
}

}  // namespace groundglass
