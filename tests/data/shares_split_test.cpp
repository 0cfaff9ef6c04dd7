#include <map>
#include <set>

#include <gtest/gtest.h>

#include "groundglass/data/split.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

/// Patients of a domain, each with another number of slices.
void add_patients(std::vector<PreparedRow>& rows, const std::string& domain, int64_t patients) {
  for (int64_t p = 0; p < patients; ++p) {
    for (int64_t s = 0; s <= p % 3; ++s) {
      const std::string patient = "p" + std::to_string(p), study = domain + "/" + patient;
      rows.push_back({study + "/" + std::to_string(s), study, patient, domain, "", true});
    }
  }
}

SplitOptions sixty_ten_thirty() {
  SplitOptions options;
  options.mode = SplitMode::shares;
  options.test_fraction = 0.3;
  options.validation_fraction = 0.1;
  options.seed = 0;
  return options;
}

using Patients = std::set<std::pair<std::string, std::string>>;

Patients patients_in(const std::vector<Entry>& entries, const std::vector<PreparedRow>& rows) {
  Patients patients;
  for (const auto& e : entries) {
    const auto& row = rows[static_cast<size_t>(e.row)];
    patients.insert({row.domain, row.patient});
  }
  return patients;
}

// SPEC-003 section 3: A and C have 10 and 9 patients.
TEST(SharesSplit, CountsPatientsAsThePaperDoes) {
  const std::map<int64_t, std::vector<size_t>> wanted = {
      {10, {6, 1, 3}}, {9, {5, 1, 3}}, {7, {4, 1, 2}}, {4, {2, 1, 1}}, {82, {49, 8, 25}}};
  for (const auto& [n, sizes] : wanted) {
    std::vector<PreparedRow> rows;
    add_patients(rows, "a", n);
    const auto splits = make_splits(rows, sixty_ten_thirty(), 0);
    ASSERT_EQ(splits.size(), 5U);
    for (const auto& s : splits) {
      EXPECT_EQ(patients_in(s.train, rows).size(), sizes[0]) << n;
      EXPECT_EQ(patients_in(s.validation, rows).size(), sizes[1]) << n;
      EXPECT_EQ(patients_in(s.test, rows).size(), sizes[2]) << n;
      EXPECT_EQ(s.train.size() + s.validation.size() + s.test.size(), rows.size());
    }
    EXPECT_NE(splits[0].test, splits[1].test) << n;
  }
}

TEST(SharesSplit, NeverSharesAPatient) {
  std::vector<PreparedRow> rows;
  add_patients(rows, "a", 11);
  add_patients(rows, "b", 5);
  for (const auto& s : make_splits(rows, sixty_ten_thirty(), 2)) {
    Patients all;
    size_t patients = 0;
    for (const auto* part : {&s.train, &s.validation, &s.test}) {
      const Patients some = patients_in(*part, rows);
      patients += some.size();
      all.insert(some.begin(), some.end());
      std::set<std::string> domains;
      for (const auto& [domain, name] : some) domains.insert(domain);
      EXPECT_EQ(domains.size(), 2U);  // each domain has its share of each part
    }
    EXPECT_EQ(all.size(), patients);
    EXPECT_EQ(all.size(), 16U);
    for (const auto* part : {&s.validation, &s.test}) {
      for (const auto& e : *part) EXPECT_EQ(e.copy, 0);
    }
  }
}

TEST(SharesSplit, LeavesOtherDomainsOut) {
  std::vector<PreparedRow> rows;
  add_patients(rows, "a", 6);
  add_patients(rows, "b", 6);
  SplitOptions options = sixty_ten_thirty();
  options.train_domains = {"b"};
  for (const auto& s : make_splits(rows, options, 0)) {
    for (const auto* part : {&s.train, &s.validation, &s.test}) {
      for (const auto& [domain, patient] : patients_in(*part, rows)) EXPECT_EQ(domain, "b");
    }
  }
}

TEST(SharesSplit, OfASeedIsTheNextSeedsPredecessor) {
  std::vector<PreparedRow> rows;
  add_patients(rows, "a", 12);
  SplitOptions later = sixty_ten_thirty();
  later.seed = 2;
  EXPECT_EQ(make_splits(rows, later, 0)[1].test, make_splits(rows, sixty_ten_thirty(), 0)[3].test);
}

TEST(SharesSplit, RefusesTooFewPatientsAndUnknownDomains) {
  std::vector<PreparedRow> rows;
  add_patients(rows, "a", 2);
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { make_splits(rows, sixty_ten_thirty(), 0); }),
                   {"'a'", "2 patients", "none to train on"}));
  SplitOptions options = sixty_ten_thirty();
  options.train_domains = {"z"};
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { make_splits(rows, options, 0); }), {"'z'", "a"}));
}

}  // namespace
}  // namespace groundglass
