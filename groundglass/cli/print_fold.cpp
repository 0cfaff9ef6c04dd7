#include "groundglass/cli/print_fold.h"

#include <algorithm>
#include <iostream>

#include "groundglass/core/error.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/evaluate/class_section.h"
#include "groundglass/evaluate/class_table.h"

namespace groundglass {
using nlohmann::ordered_json;

std::vector<int64_t> chosen_folds(const std::string& word, int64_t folds) {
  if (word == "all") {
    std::vector<int64_t> all;
    for (int64_t k = 0; k < folds; ++k) all.push_back(k);
    return all;
  }
  if (word.empty()) return {0};
  const auto number = number_in(word);
  const auto fold = static_cast<int64_t>(std::clamp(number.value_or(-1), -1.0, 1e6));
  if (fold < 0 || fold >= folds || static_cast<double>(fold) != *number) {
    fail(ErrorKind::usage,
         "--fold " + in_quotes(word) + ": expected all, or 0 to " + std::to_string(folds - 1));
  }
  return {fold};
}

void print_fold(const std::string& run, const FoldScores& scores, const Recipe& recipe,
                const Context& context) {
  const auto evaluation = evaluation_json(scores.items);
  const auto& names = recipe.evaluate.class_names;
  if (context.json) {
    ordered_json document = {
        {"run", run},
        {"best_epoch", scores.best_epoch},
        {"threshold", counted_classes(scores.items) == 0 ? ordered_json(scores.threshold)
                                                         : ordered_json(nullptr)}};
    document["test"] = evaluation;
    document["classes"] = classes_json({scores}, names);
    return print_json(document);
  }
  const ScoreRow pooled = pooled_scores(scores.items);
  std::cout << run << ": "
            << (scores.best_epoch > 0 ? "best epoch " + std::to_string(scores.best_epoch) + ", "
                                      : std::string())
            << "threshold " << threshold_text(scores) << ", test soft Dice "
            << fixed(pooled.soft_dice.value_or(-1), 4) << ", Dice "
            << fixed(pooled.dice.value_or(-1), 4) << " on " << scores.items.size() << " slices"
            << std::endl;
  for (const auto& rows : class_rows({scores}, names)) {
    const auto& value = rows.dice_of_fold.front();
    std::cout << "  " << rows.name << ": Dice " << (value ? fixed(*value, 4) : "n/a") << std::endl;
  }
}

}  // namespace groundglass
