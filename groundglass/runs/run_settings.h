#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "groundglass/core/engine.h"

namespace groundglass {

/// What a call decides beside the recipes it runs.
struct RunSettings {
  Engine engine;
  int64_t threads = 0;                 ///< processors to use; 0 for all
  int64_t seed = -1;                   ///< of the training; -1 for the recipe's
  std::vector<std::string> overrides;  ///< section.key=value, as read_recipe() takes them
};

}  // namespace groundglass
