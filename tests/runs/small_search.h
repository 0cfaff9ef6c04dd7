#pragma once

#include <string>

#include "groundglass/core/files.h"
#include "groundglass/runs/search_table.h"
#include "tests/scratch_folder.h"

namespace groundglass {

// Parts of a search file of a small network, and its plan.

inline const std::string kSearchRecipe = R"([preprocess]
window_hu = [-1000, 400]
size = [32, 32]
[model]
name = "unet"
widths = [4, 8]
[loss]
terms = [{name = "dice"}]
[train]
epochs = 9
)";
inline const std::string kRate = R"([[parameter]]
key = "train.learning_rate"
low = 1e-4
high = 1e-1
scale = "log"
)";
inline const std::string kLosses = R"([[parameter]]
key = "loss.terms"
values = [[{name = "dice"}], [{name = "cross_entropy", weight = 0.5}, {name = "dice"}]]
labels = ["Dice", "CE and Dice"]
)";

inline std::string search_head(const std::string& more = "") {
  return "[search]\ntitle = \"t\"\nrecipe = \"r.toml\"\n" + more + "\n";
}

inline SearchFile search_of(const ScratchFolder& folder, const std::string& text) {
  write_file(folder / "r.toml", kSearchRecipe);
  write_file(folder / "s.toml", text);
  return read_search(folder / "s.toml");
}

inline SearchPlan plan_of(const ScratchFolder& folder, const std::string& text) {
  return search_plan(search_of(folder, text), {}, -1);
}

}  // namespace groundglass
