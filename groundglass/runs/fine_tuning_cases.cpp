#include "groundglass/runs/fine_tuning_cases.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "groundglass/core/error.h"

namespace groundglass {

int64_t patients_with_masks(const Dataset& dataset) {
  std::set<std::pair<std::string, std::string>> patients;
  for (const auto& row : dataset.rows) {
    if (!row.mask.empty()) patients.insert({row.domain, row.patient});
  }
  return static_cast<int64_t>(patients.size());
}

void check_enough_cases(const Dataset& dataset) {
  const int64_t patients = patients_with_masks(dataset);
  if (patients >= kFewestPatients) return;
  const auto images = std::count_if(dataset.rows.begin(), dataset.rows.end(),
                                    [](const DataRow& row) { return !row.mask.empty(); });
  fail(ErrorKind::data, std::to_string(images) + " images of " + std::to_string(patients) +
                            " patients have a mask, expected at least " +
                            std::to_string(kFewestPatients) +
                            " patients: one to learn, one to choose the epoch and one to test; "
                            "annotate or correct more first");
}

}  // namespace groundglass
