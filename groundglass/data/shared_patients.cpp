#include "groundglass/data/shared_patients.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace groundglass {

std::vector<std::string> shared_patients(const Split& split, const std::vector<PreparedRow>& rows) {
  std::set<std::string> trained, held_out;
  const auto add = [&](std::set<std::string>& names, const std::vector<Entry>& entries) {
    for (const auto& e : entries) names.insert(rows[static_cast<size_t>(e.row)].patient);
  };
  add(trained, split.train);
  add(held_out, split.validation);
  add(held_out, split.test);
  std::vector<std::string> shared;
  std::set_intersection(trained.begin(), trained.end(), held_out.begin(), held_out.end(),
                        std::back_inserter(shared));
  return shared;
}

}  // namespace groundglass
