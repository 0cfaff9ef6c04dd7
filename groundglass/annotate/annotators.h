#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/annotate/store.h"

namespace groundglass {

/// What each annotator did, by name: choices, how many rejected all candidates, how many of these
/// were drawn, and the median of the seconds (null where no time was kept).
nlohmann::ordered_json annotators_json(const std::vector<Choice>& choices);

}  // namespace groundglass
