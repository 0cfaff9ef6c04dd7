#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/predict/inputs.h"

namespace groundglass {

/// Which share of the inputs this program takes, if several work on one folder.
struct Part {
  int64_t index = 1, count = 1;  ///< 1 of 1: everything

  bool operator==(const Part&) const = default;
};

/// "2/4" is the second of four. "slurm" reads SLURM_ARRAY_TASK_ID, _MIN and _COUNT; an empty word
/// is everything. Throws Error(usage) for anything else, or a task array with gaps.
Part parse_part(const std::string& word);

/// Every count-th input, beginning with the index-th: all parts together are all inputs.
std::vector<PredictInput> inputs_of(const Part& part, const std::vector<PredictInput>& all);

/// "summary.json", or "summary_2_of_4.json" for a part; likewise other names.
std::string file_of_part(const Part& part, const std::string& stem, const std::string& extension);

/// Once every part has left its summary, joins them as OUT/summary.json: cases together, seconds
/// and memory of the largest part. Any part may come last. Returns what keeps it from joining:
/// the parts that are not there yet, or one of another model or threshold; empty if it joined.
std::string join_parts(const Part& part, const std::filesystem::path& folder);

}  // namespace groundglass
