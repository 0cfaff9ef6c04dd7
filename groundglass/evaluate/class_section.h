#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/evaluate/cross_validation.h"

namespace groundglass {

/// All folds' items of one class, or of all classes as one.
struct ClassRows {
  std::string name;
  std::vector<ScoredItem> items;                    ///< of all folds, each test slice once
  std::vector<std::optional<double>> dice_of_fold;  ///< pooled over the fold's test slices
};

/// "any infection" first, then the classes by number; nothing for networks of one class.
/// Where all folds were tested on the same slices, the items are the first fold's.
std::vector<ClassRows> class_rows(const std::vector<FoldScores>& folds,
                                  const std::vector<std::string>& class_names);

/// The Markdown table of the classes, a row for each (and for each domain, if there are several),
/// with its heading; empty for networks of one class. Each class is scored against all else.
std::string class_section(const std::vector<FoldScores>& folds,
                          const std::vector<std::string>& class_names);

/// The same as a list: class, name, folds, mean, sd, pooled, interval95, patients.
nlohmann::ordered_json classes_json(const std::vector<FoldScores>& folds,
                                    const std::vector<std::string>& class_names);

}  // namespace groundglass
