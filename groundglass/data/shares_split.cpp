#include "groundglass/data/shares_split.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

using Rows = std::vector<int64_t>;
using Patients = std::map<std::string, Rows>;

/// The rows of each patient of each domain that takes part.
std::map<std::string, Patients> patients_of(const std::vector<PreparedRow>& rows,
                                            const std::vector<std::string>& named) {
  std::map<std::string, Patients> domains;
  for (size_t i = 0; i < rows.size(); ++i) {
    domains[rows[i].domain][rows[i].patient].push_back(static_cast<int64_t>(i));
  }
  std::vector<std::string> known;
  for (const auto& [domain, patients] : domains) known.push_back(domain);
  for (const auto& domain : named) {
    if (domains.count(domain) > 0) continue;
    fail(ErrorKind::data,
         "[split] train_domains names " + in_quotes(domain) + ", the data has " + listed(known));
  }
  for (const auto& domain : known) {
    const bool wanted = named.empty() || std::count(named.begin(), named.end(), domain) > 0;
    if (!wanted) domains.erase(domain);
  }
  return domains;
}

struct Sizes {
  size_t test, validation;
};

Sizes sizes_of(const std::string& domain, size_t patients, const SplitOptions& o) {
  const auto part = [&](double share) {
    return static_cast<size_t>(std::max(1LL, std::llround(share * static_cast<double>(patients))));
  };
  const Sizes sizes = {part(o.test_fraction), part(o.validation_fraction)};
  if (sizes.test + sizes.validation >= patients) {
    fail(ErrorKind::data, "the domain " + in_quotes(domain) + " has " + std::to_string(patients) +
                              " patients; " + std::to_string(sizes.test) + " for the test and " +
                              std::to_string(sizes.validation) +
                              " for validation leave none to train on");
  }
  return sizes;
}

void add_rows(std::vector<Entry>& entries, const Rows& rows, int64_t copies) {
  for (int64_t copy = 0; copy <= copies; ++copy) {
    for (const int64_t row : rows) entries.push_back({row, copy, 0});
  }
}

}  // namespace

std::vector<Split> shares_splits(const std::vector<PreparedRow>& rows, const SplitOptions& o,
                                 int64_t copies) {
  const auto domains = patients_of(rows, o.train_domains);
  std::vector<Split> splits(static_cast<size_t>(o.folds));
  for (size_t fold = 0; fold < splits.size(); ++fold) {
    Rng rng = rng_for(static_cast<uint64_t>(o.seed) + fold, 0, 2);
    for (const auto& [domain, patients] : domains) {
      const Sizes sizes = sizes_of(domain, patients.size(), o);
      std::vector<const Rows*> all;
      for (const auto& [name, members] : patients) all.push_back(&members);
      const auto order = permutation(static_cast<int64_t>(all.size()), rng);
      for (size_t place = 0; place < order.size(); ++place) {
        const Rows& members = *all[static_cast<size_t>(order[place])];
        if (place < sizes.test) {
          add_rows(splits[fold].test, members, 0);
        } else if (place < sizes.test + sizes.validation) {
          add_rows(splits[fold].validation, members, 0);
        } else {
          add_rows(splits[fold].train, members, copies);
        }
      }
    }
  }
  return splits;
}

}  // namespace groundglass
