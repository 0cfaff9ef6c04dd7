#pragma once

#include <vector>

#include "groundglass/evaluate/score_table.h"

namespace groundglass {

/// How many foreground classes were counted one by one; 0 if only foreground and background were.
int64_t counted_classes(const std::vector<ScoredItem>& items);

/// The items with the counts of one class (1, 2, ...) against everything else; they have no soft
/// scores. All tables of score_table.h can be made of them.
std::vector<ScoredItem> items_of_class(const std::vector<ScoredItem>& items, int64_t label);

/// Adds to the document of evaluation_json "classes": {"1": {"pooled", "mean", "interval95",
/// "domains"}, ...} and to each case "classes": {"1": {"status", "dice", ...}, ...}; nothing if no
/// classes were counted.
void add_classes(nlohmann::ordered_json& document, const std::vector<ScoredItem>& items,
                 const BootstrapOptions& options = {});

}  // namespace groundglass
