#include "groundglass/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/data/difference_hash.h"
#include "groundglass/data/shares_split.h"
#include "groundglass/data/stratified_split.h"

namespace groundglass {
using nlohmann::json;
namespace {

using Rows = std::vector<int64_t>;

/// Each row once, and once more for each copy.
std::vector<Entry> with_copies(const Rows& rows, int64_t copies) {
  std::vector<Entry> entries;
  for (int64_t copy = 0; copy <= copies; ++copy) {
    for (const int64_t row : rows) entries.push_back({row, copy});
  }
  return entries;
}

std::vector<Split> paper_splits(int64_t n, const SplitOptions& o, int64_t copies) {
  Rng rng = rng_for(static_cast<uint64_t>(o.seed), 0, 0);
  const auto order = permutation(n, rng);
  const auto test_size = static_cast<int64_t>(std::ceil(o.test_fraction * static_cast<double>(n)));
  const auto test = with_copies(Rows(order.begin(), order.begin() + test_size), 0);
  const auto rest = with_copies(Rows(order.begin() + test_size, order.end()), copies);
  const auto shuffled = permutation(static_cast<int64_t>(rest.size()), rng);
  std::vector<Split> splits(static_cast<size_t>(o.folds));
  for (size_t fold = 0; fold < splits.size(); ++fold) splits[fold].test = test;
  for (size_t i = 0; i < shuffled.size(); ++i) {
    const Entry& entry = rest[static_cast<size_t>(shuffled[i])];
    const size_t own =
        i * splits.size() / shuffled.size();  // consecutive blocks, as KFold cuts them
    for (size_t fold = 0; fold < splits.size(); ++fold) {
      (fold == own ? splits[fold].validation : splits[fold].train).push_back(entry);
    }
  }
  return splits;
}

struct PatientRows {
  std::string name, domain;
  Rows rows;
};

std::vector<PatientRows> patients_of(const std::vector<PreparedRow>& rows) {
  std::map<std::pair<std::string, std::string>, Rows> groups;
  for (size_t i = 0; i < rows.size(); ++i) {
    groups[{rows[i].domain, rows[i].patient}].push_back(static_cast<int64_t>(i));
  }
  std::vector<PatientRows> patients;
  for (auto& [key, members] : groups) patients.push_back({key.second, key.first, members});
  return patients;
}

/// Deals patients to `parts` groups with the given shares: domain by domain, in random order but
/// large ones first, each to the group that lacks most slices of that domain. The first patient of
/// a domain goes to a group at random, so that small domains do not always favour the first group.
std::vector<std::vector<PatientRows>> deal(std::vector<PatientRows> patients,
                                           const std::vector<double>& shares, Rng& rng) {
  std::vector<std::vector<PatientRows>> groups(shares.size());
  std::map<std::string, std::vector<PatientRows>> by_domain;
  for (const int64_t i : permutation(static_cast<int64_t>(patients.size()), rng)) {
    by_domain[patients[static_cast<size_t>(i)].domain].push_back(patients[static_cast<size_t>(i)]);
  }
  for (auto& [domain, members] : by_domain) {
    std::stable_sort(members.begin(), members.end(),
                     [](auto& a, auto& b) { return a.rows.size() > b.rows.size(); });
    double total = 0;
    for (const auto& p : members) total += static_cast<double>(p.rows.size());
    std::vector<double> lacking;
    for (const double share : shares) lacking.push_back(share * total);
    const auto order = permutation(static_cast<int64_t>(shares.size()), rng);  // breaks ties
    for (auto& p : members) {
      const auto most = *std::max_element(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return lacking[static_cast<size_t>(a)] < lacking[static_cast<size_t>(b)];
      });
      lacking[static_cast<size_t>(most)] -= static_cast<double>(p.rows.size());
      groups[static_cast<size_t>(most)].push_back(p);
    }
  }
  return groups;
}

Rows rows_of(const std::vector<PatientRows>& patients) {
  Rows rows;
  for (const auto& p : patients) rows.insert(rows.end(), p.rows.begin(), p.rows.end());
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// The first patients of each domain in random order, `share` of them and one at least.
std::vector<PatientRows> thinned(const std::vector<PatientRows>& patients, double share, Rng rng) {
  std::map<std::string, std::vector<PatientRows>> by_domain;
  for (const int64_t i : permutation(static_cast<int64_t>(patients.size()), rng)) {
    const auto& p = patients[static_cast<size_t>(i)];
    by_domain[p.domain].push_back(p);
  }
  std::vector<PatientRows> kept;
  for (const auto& [domain, members] : by_domain) {
    const double wanted = std::round(share * static_cast<double>(members.size()));
    const auto n = static_cast<int64_t>(std::max(1.0, wanted));
    kept.insert(kept.end(), members.begin(), members.begin() + n);
  }
  return kept;
}

/// A share of the patients as validation, the others for training, at least one patient in each.
void divide_rest(const std::vector<PatientRows>& rest, const SplitOptions& o, int64_t copies,
                 Rng& rng, Split& split) {
  auto parts = deal(rest, {1 - o.validation_fraction, o.validation_fraction}, rng);
  if (parts[1].empty() && parts[0].size() > 1) {  // one patient of each domain goes to training
    const auto smallest = std::min_element(parts[0].begin(), parts[0].end(), [](auto& a, auto& b) {
      return a.rows.size() < b.rows.size();
    });
    parts[1].push_back(*smallest);
    parts[0].erase(smallest);
  }
  if (o.train_share < 1) parts[0] = thinned(parts[0], o.train_share, rng);
  split.train = with_copies(rows_of(parts[0]), copies);
  split.validation = with_copies(rows_of(parts[1]), 0);
  if (split.train.empty() || split.validation.empty()) {
    fail(ErrorKind::data, "a fold has " + std::to_string(rest.size()) +
                              " patients for training and validation, expected at least 2 that can "
                              "be divided; use fewer folds or another validation_fraction");
  }
}

std::vector<Split> strict_splits(const std::vector<PreparedRow>& rows, const SplitOptions& o,
                                 int64_t copies) {
  const auto patients = patients_of(rows);
  if (static_cast<int64_t>(patients.size()) < o.folds) {
    fail(ErrorKind::data, "the data set has " + std::to_string(patients.size()) +
                              " patients and the recipe asks for " + std::to_string(o.folds) +
                              " folds of whole patients; use fewer folds");
  }
  Rng rng = rng_for(static_cast<uint64_t>(o.seed), 0, 0);
  const auto folds = deal(
      patients, std::vector<double>(static_cast<size_t>(o.folds), 1 / static_cast<double>(o.folds)),
      rng);
  std::vector<Split> splits(folds.size());
  for (size_t fold = 0; fold < folds.size(); ++fold) {
    splits[fold].test = with_copies(rows_of(folds[fold]), 0);
    std::vector<PatientRows> rest;
    for (size_t other = 0; other < folds.size(); ++other) {
      if (other != fold) rest.insert(rest.end(), folds[other].begin(), folds[other].end());
    }
    divide_rest(rest, o, copies, rng, splits[fold]);
  }
  return splits;
}

/// Train and validate on some domains, test on all others; the folds differ in their validation.
std::vector<Split> cross_domain_splits(const std::vector<PreparedRow>& rows, const SplitOptions& o,
                                       int64_t copies) {
  std::set<std::string> known;
  for (const auto& row : rows) known.insert(row.domain);
  for (const auto& domain : o.train_domains) {
    if (known.count(domain) == 0) {
      fail(ErrorKind::data, "[split] train_domains names " + in_quotes(domain) + ", the data has " +
                                listed({known.begin(), known.end()}));
    }
  }
  std::vector<PatientRows> inside;
  Rows outside;
  for (const auto& p : patients_of(rows)) {
    const bool mine = std::find(o.train_domains.begin(), o.train_domains.end(), p.domain) !=
                      o.train_domains.end();
    if (mine) {
      inside.push_back(p);
    } else {
      outside.insert(outside.end(), p.rows.begin(), p.rows.end());
    }
  }
  if (outside.empty()) {
    fail(ErrorKind::data,
         "[split] train_domains names every domain, so nothing is left to test on");
  }
  std::sort(outside.begin(), outside.end());
  std::vector<Split> splits(static_cast<size_t>(o.folds));
  for (size_t fold = 0; fold < splits.size(); ++fold) {
    Rng rng = rng_for(static_cast<uint64_t>(o.seed), fold, 1);
    splits[fold].test = with_copies(outside, 0);
    divide_rest(inside, o, copies, rng, splits[fold]);
  }
  return splits;
}

bool has_lesion(const torch::Tensor& mask) {
  return ((mask > 0) & (mask != kIgnoreLabel)).any().item<bool>();
}

/// Whether anything of a picture is worth seeing: a slice above or below the chest has next to
/// nothing but black.
bool is_dark(const torch::Tensor& image) {
  const auto bright = (image > 25).sum().item<int64_t>();
  return 100 * bright <= image.numel();
}

bool takes_part(const PreparedSet& set, int64_t row, SplitRows rows) {
  if (rows == SplitRows::with_lesion) return has_lesion(set.mask(row));
  return rows == SplitRows::all || !is_dark(set.image(row));
}

/// The rows of each domain in random order, as many of each as the smallest has.
std::vector<Rows> equal_domain_rows(const std::vector<PreparedRow>& rows, const SplitOptions& o) {
  std::map<std::string, Rows> domains;
  for (size_t i = 0; i < rows.size(); ++i) {
    domains[rows[i].domain].push_back(static_cast<int64_t>(i));
  }
  size_t smallest = rows.size();
  for (const auto& [domain, members] : domains) smallest = std::min(smallest, members.size());
  Rng rng = rng_for(static_cast<uint64_t>(o.seed), 0, 5);
  std::vector<Rows> equal;
  for (const auto& [domain, members] : domains) {
    Rows drawn;
    for (const int64_t i : permutation(static_cast<int64_t>(members.size()), rng)) {
      if (drawn.size() < smallest) drawn.push_back(members[static_cast<size_t>(i)]);
    }
    std::sort(drawn.begin(), drawn.end());
    equal.push_back(std::move(drawn));
  }
  return equal;
}

/// The folds of each domain by itself, put together.
std::vector<Split> equal_domain_splits(const std::vector<PreparedRow>& rows, SplitOptions o,
                                       int64_t copies) {
  o.equal_domains = false;
  std::vector<Split> splits(static_cast<size_t>(o.folds));
  for (const Rows& members : equal_domain_rows(rows, o)) {
    const auto own = make_splits(rows, members, o, copies);
    for (size_t fold = 0; fold < splits.size(); ++fold) {
      const auto add = [](std::vector<Entry>& all, const std::vector<Entry>& more) {
        all.insert(all.end(), more.begin(), more.end());
      };
      add(splits[fold].train, own[fold].train);
      add(splits[fold].validation, own[fold].validation);
      add(splits[fold].test, own[fold].test);
    }
  }
  return splits;
}

}  // namespace

void SplitOptions::check() const {
  if (train_share < 1 && mode != SplitMode::strict) {
    fail(ErrorKind::recipe, "[split] train_share is set, expected mode 'strict' with it, found " +
                                in_quotes(word_of(mode)));
  }
  if (equal_domains && mode != SplitMode::paper && mode != SplitMode::slices) {
    fail(ErrorKind::recipe,
         "[split] equal_domains is set, expected mode 'paper' or 'slices' with it, found " +
             in_quotes(word_of(mode)) + "; set equal_domains = false");
  }
}

std::vector<Split> make_splits(const std::vector<PreparedRow>& rows, const SplitOptions& options,
                               int64_t copies) {
  options.check();
  if (!options.balance_labels.empty()) {
    SplitOptions plain = options;
    plain.balance_labels.clear();
    auto splits = make_splits(rows, plain, 0);
    for (auto& split : splits) balance_training(split, rows, options.balance_labels);
    return splits;
  }
  if (options.equal_domains) return equal_domain_splits(rows, options, copies);
  if (options.lacks_validation()) return stratified_splits(rows, options);
  if (options.mode == SplitMode::shares) return shares_splits(rows, options, copies);
  if (options.mode == SplitMode::paper) {
    return paper_splits(static_cast<int64_t>(rows.size()), options, copies);
  }
  return options.train_domains.empty() ? strict_splits(rows, options, copies)
                                       : cross_domain_splits(rows, options, copies);
}

std::vector<Split> make_splits(const std::vector<PreparedRow>& rows,
                               const std::vector<int64_t>& chosen, const SplitOptions& options,
                               int64_t copies) {
  std::vector<PreparedRow> some;
  for (const int64_t row : chosen) some.push_back(rows[static_cast<size_t>(row)]);
  auto splits = make_splits(some, options, copies);
  for (auto& split : splits) {
    for (auto* entries : {&split.train, &split.validation, &split.test}) {
      for (auto& entry : *entries) entry.row = chosen[static_cast<size_t>(entry.row)];
    }
  }
  return splits;
}

std::vector<int64_t> chosen_rows(const PreparedSet& set, const SplitOptions& options) {
  options.check();
  Rows chosen;
  for (int64_t row = 0; row < set.size(); ++row) {
    if (takes_part(set, row, options.rows)) chosen.push_back(row);
  }
  if (chosen.empty()) {
    fail(
        ErrorKind::data,
        options.rows == SplitRows::not_dark
            ? "all of the " + std::to_string(set.size()) +
                  " pictures are dark; [split] rows = \"not_dark\" expects one at least that is not"
            : "none of the " + std::to_string(set.size()) +
                  " masks has a lesion; [split] rows = \"with_lesion\" expects one at least");
  }
  return chosen;
}

std::string split_json(const Split& split, const std::vector<PreparedRow>& rows) {
  const auto ids = [&](const std::vector<Entry>& entries) {
    json list = json::array();
    for (const auto& e : entries) {
      const std::string& id = rows[static_cast<size_t>(e.row)].id;
      list.push_back(e.copy == 0 ? id : id + "@" + std::to_string(e.copy));
    }
    return list;
  };
  return json{
             {"train", ids(split.train)}, {"val", ids(split.validation)}, {"test", ids(split.test)}}
             .dump(1) +
         "\n";
}

Split parse_split_json(const std::string& text, const std::vector<PreparedRow>& rows) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) fail(ErrorKind::checkpoint, "split.json is no JSON object");
  std::map<std::string, int64_t> row_of;
  for (size_t i = 0; i < rows.size(); ++i) row_of[rows[i].id] = static_cast<int64_t>(i);
  const auto entries = [&](const char* key) {
    std::vector<Entry> list;
    for (const auto& item : document.value(key, json::array())) {
      std::string id = item.get<std::string>();
      int64_t copy = 0;
      const size_t at = id.rfind('@');
      if (row_of.count(id) == 0 && at != std::string::npos) {
        copy = std::stoll(id.substr(at + 1));
        id.resize(at);
      }
      const auto found = row_of.find(id);
      if (found == row_of.end()) {
        fail(ErrorKind::checkpoint, "split.json names " + in_quotes(id) +
                                        ", which the data set does not hold; the run was "
                                        "made from other data");
      }
      list.push_back({found->second, copy});
    }
    return list;
  };
  return {entries("train"), entries("val"), entries("test")};
}

std::vector<NearDuplicate> near_duplicates(const PreparedSet& set, const Split& split,
                                           int64_t max_distance) {
  std::map<int64_t, DifferenceHash> hashes;
  const auto hash_of = [&](int64_t row) -> const DifferenceHash& {
    const auto found = hashes.find(row);
    if (found != hashes.end()) return found->second;
    return hashes.emplace(row, difference_hash(set.image(row))).first->second;
  };
  std::set<int64_t> train_rows, other_rows;
  for (const auto& e : split.train) train_rows.insert(e.row);
  for (const auto& e : split.validation) other_rows.insert(e.row);
  for (const auto& e : split.test) other_rows.insert(e.row);
  std::vector<NearDuplicate> found;
  for (const int64_t train : train_rows) {
    const auto& a = hash_of(train);
    for (const int64_t other : other_rows) {
      const int64_t distance = differing_bits(a, hash_of(other));
      if (distance > max_distance) continue;
      const auto &left = set.rows()[static_cast<size_t>(train)],
                 &right = set.rows()[static_cast<size_t>(other)];
      found.push_back(
          {train, other, distance, left.domain == right.domain && left.patient == right.patient});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& x, const auto& y) {
    return std::tie(x.distance, x.train_row, x.other_row) <
           std::tie(y.distance, y.train_row, y.other_row);
  });
  return found;
}

}  // namespace groundglass
