#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "groundglass/data/shared_patients.h"
#include "groundglass/data/split.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

std::vector<PreparedRow> rows_of(int64_t patients, int64_t slices, const std::string& domain = "") {
  std::vector<PreparedRow> rows;
  for (int64_t p = 0; p < patients; ++p) {
    for (int64_t s = 0; s < slices; ++s) {
      const std::string patient = domain + "p" + std::to_string(p);
      rows.push_back({patient + "/" + std::to_string(s), patient, patient, domain, "", true});
    }
  }
  return rows;
}

std::set<int64_t> row_set(const std::vector<Entry>& entries) {
  std::set<int64_t> rows;
  for (const auto& e : entries) rows.insert(e.row);
  return rows;
}

std::set<std::string> patient_set(const std::vector<Entry>& entries,
                                  const std::vector<PreparedRow>& rows) {
  std::set<std::string> patients;
  for (const auto& e : entries) patients.insert(rows[static_cast<size_t>(e.row)].patient);
  return patients;
}

template <class T>
bool apart(const std::set<T>& a, const std::set<T>& b) {
  return std::none_of(a.begin(), a.end(), [&](const T& item) { return b.count(item) > 0; });
}

// The paper: 2,729 slices, 2,183 for training and validation, 546 for the test, 4,366 with copies.
TEST(PaperSplit, HasThePapersSizes) {
  const auto rows = rows_of(2729, 1);
  SplitOptions options;
  options.mode = SplitMode::paper;
  const auto splits = make_splits(rows, options, 1);
  ASSERT_EQ(splits.size(), 5U);
  size_t validated = 0;
  for (const auto& s : splits) {
    EXPECT_EQ(s.test.size(), 546U);
    EXPECT_EQ(s.train.size() + s.validation.size(), 4366U);
    EXPECT_GE(s.validation.size(), 873U);
    EXPECT_LE(s.validation.size(), 874U);
    validated += s.validation.size();
    auto both = row_set(s.train);
    both.merge(row_set(s.validation));
    EXPECT_EQ(both.size(), 2183U);
    EXPECT_TRUE(apart(both, row_set(s.test)));
    EXPECT_EQ(s.test, splits.front().test);  // one test set for all folds
  }
  EXPECT_EQ(validated, 4366U);
}

TEST(PaperSplit, LeaksAsThePaperDoes) {
  const auto rows = rows_of(50, 6);
  SplitOptions options;
  options.mode = SplitMode::paper;
  const Split split = make_splits(rows, options, 1).front();
  EXPECT_FALSE(apart(patient_set(split.train, rows), patient_set(split.test, rows)));
  EXPECT_FALSE(apart(row_set(split.train), row_set(split.validation)));  // augmented twins
  const auto copies = std::count_if(split.validation.begin(), split.validation.end(),
                                    [](const Entry& e) { return e.copy > 0; });
  EXPECT_GT(copies, 0);  // the validation holds augmented slices
}

TEST(StrictSplit, NeverSharesAPatient) {
  auto rows = rows_of(9, 7, "a");
  for (const auto& more : {rows_of(23, 1, "b"), rows_of(5, 12, "c")}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  for (int64_t seed = 0; seed < 20; ++seed) {
    SplitOptions options;
    options.seed = seed;
    std::set<int64_t> tested;
    for (const auto& s : make_splits(rows, options, 1)) {
      const auto train = patient_set(s.train, rows), validation = patient_set(s.validation, rows),
                 test = patient_set(s.test, rows);
      EXPECT_TRUE(apart(train, validation) && apart(train, test) && apart(validation, test));
      EXPECT_FALSE(train.empty() || validation.empty() || test.empty());
      for (const auto& list : {s.validation, s.test}) {
        for (const auto& e : list) EXPECT_EQ(e.copy, 0);  // copies are trained on, never judged by
      }
      EXPECT_EQ(s.train.size(), 2 * row_set(s.train).size());
      for (const int64_t row : row_set(s.test)) EXPECT_TRUE(tested.insert(row).second);
    }
    EXPECT_EQ(tested.size(), rows.size());  // each slice is tested exactly once
  }
}

TEST(StrictSplit, SharesEachDomainOutEvenly) {
  auto rows = rows_of(20, 3, "a");
  const auto more = rows_of(10, 9, "b");
  rows.insert(rows.end(), more.begin(), more.end());
  for (const auto& s : make_splits(rows, {}, 0)) {
    std::map<std::string, int64_t> slices;
    for (const auto& e : s.test) ++slices[rows[static_cast<size_t>(e.row)].domain];
    EXPECT_EQ(slices["a"], 12);
    EXPECT_EQ(slices["b"], 18);
  }
}

TEST(StrictSplit, IsRepeatableAndDependsOnItsSeed) {
  const auto rows = rows_of(30, 4);
  SplitOptions options;
  const auto first = make_splits(rows, options, 0), again = make_splits(rows, options, 0);
  EXPECT_EQ(first[2].train, again[2].train);
  options.seed = 5;
  EXPECT_NE(make_splits(rows, options, 0)[2].train, first[2].train);
}

TEST(StrictSplit, RefusesTooFewPatients) {
  EXPECT_TRUE(says(complaint(ErrorKind::data, [] { make_splits(rows_of(3, 40), {}, 0); }),
                   {"3 patients", "5", "fewer folds"}));
  SplitOptions two;
  two.folds = 2;
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { make_splits(rows_of(2, 40), two, 0); }),
                   {"1 patients", "at least 2"}));
}

TEST(CrossDomainSplit, TrainsOnSomeDomainsAndTestsOnAllOthers) {
  auto rows = rows_of(8, 3, "a");
  for (const auto& more : {rows_of(6, 2, "b"), rows_of(4, 5, "c")}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  SplitOptions options;
  options.train_domains = {"a"};
  for (const auto& s : make_splits(rows, options, 0)) {
    EXPECT_EQ(s.test.size(), 6U * 2 + 4U * 5);
    for (const auto& e : s.test) EXPECT_NE(rows[static_cast<size_t>(e.row)].domain, "a");
    for (const auto& e : s.train) EXPECT_EQ(rows[static_cast<size_t>(e.row)].domain, "a");
    EXPECT_TRUE(apart(patient_set(s.train, rows), patient_set(s.validation, rows)));
  }
  options.train_domains = {"z"};
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { make_splits(rows, options, 0); }),
                   {"'z'", "a, b and c"}));
  options.train_domains = {"a", "b", "c"};
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { make_splits(rows, options, 0); }),
                   {"every domain", "nothing is left"}));
}

TEST(StrictSplit, TrainShareThinsTheTrainingPatientsAlone) {
  auto rows = rows_of(30, 3, "many");
  for (const auto& row : rows_of(6, 3, "few")) rows.push_back(row);
  const auto folds_with = [&](double share) {
    SplitOptions options;
    options.train_share = share;
    return make_splits(rows, options, 0);
  };
  const auto whole = folds_with(1), half = folds_with(0.5), least = folds_with(0);
  for (size_t fold = 0; fold < whole.size(); ++fold) {
    const auto all = patient_set(whole[fold].train, rows),
               some = patient_set(half[fold].train, rows);
    EXPECT_NEAR(static_cast<double>(some.size()), static_cast<double>(all.size()) / 2, 1);
    EXPECT_TRUE(std::includes(all.begin(), all.end(), some.begin(), some.end()));
    const auto few = patient_set(least[fold].train, rows);
    EXPECT_EQ(few.size(), 2U);  // one of each domain
    EXPECT_TRUE(std::includes(some.begin(), some.end(), few.begin(), few.end()));
    EXPECT_EQ(half[fold].validation, whole[fold].validation);
    EXPECT_EQ(half[fold].test, whole[fold].test);
    EXPECT_EQ(half[fold].train.size(), 3 * some.size());
  }
  SplitOptions paper;
  paper.mode = SplitMode::paper;
  paper.train_share = 0.5;
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { make_splits(rows, paper, 0); }),
                   {"train_share", "strict", "paper"}));
}

TEST(SplitJson, ReadsBackAndRefusesOtherData) {
  const auto rows = rows_of(12, 3);
  SplitOptions options;
  options.mode = SplitMode::paper;
  const Split split = make_splits(rows, options, 1)[3];
  const std::string text = split_json(split, rows);
  const Split back = parse_split_json(text, rows);
  EXPECT_EQ(back.train, split.train);
  EXPECT_EQ(back.validation, split.validation);
  EXPECT_EQ(back.test, split.test);
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { parse_split_json(text, rows_of(5, 3)); }),
                   {"does not hold"}));
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { parse_split_json("[1]", rows); }),
                   {"no JSON object"}));
}

TEST(NearDuplicates, FindsACopyAcrossTheSplitAndNotEverything) {
  const ScratchFolder folder;
  PreparedHeader header;
  header.height = header.width = 64;
  for (int64_t i = 0; i < 12; ++i) {
    const std::string n = std::to_string(i);
    header.rows.push_back({n, n, n, "d", "", true});
  }
  PreparedSetWriter writer(folder / "a.ggset", header);
  torch::manual_seed(8);
  torch::Tensor third;
  for (int64_t i = 0; i < 12; ++i) {
    auto image = torch::upsample_bilinear2d(torch::rand({1, 1, 9, 9}) * 200, {64, 64}, true)
                     .squeeze(0)
                     .to(torch::kUInt8);
    if (i == 3) third = image;
    if (i == 11) image = (third.to(torch::kFloat32) * 0.9 + 12).to(torch::kUInt8);  // other window
    writer.write(i, image, {});
  }
  writer.finish();
  const PreparedSet set(folder / "a.ggset");
  Split split;
  for (int64_t i = 0; i < 6; ++i) split.train.push_back({i, 0, 0});
  for (int64_t i = 6; i < 12; ++i) split.test.push_back({i, 0, 0});
  const auto found = near_duplicates(set, split, 12);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].train_row, 3);
  EXPECT_EQ(found[0].other_row, 11);
  EXPECT_FALSE(found[0].same_patient);
}

// Paper 002: five folds of 473 slices, one patient on both sides, no validation.
TEST(SlicesSplit, HasThePapersFoldsOf95And94) {
  const auto rows = rows_of(11, 43);
  SplitOptions options;
  options.mode = SplitMode::slices;
  const auto splits = make_splits(rows, options, 0);
  ASSERT_EQ(splits.size(), 5U);
  std::vector<size_t> sizes;
  std::set<int64_t> tested;
  for (const auto& s : splits) {
    sizes.push_back(s.test.size());
    EXPECT_EQ(s.train.size() + s.test.size(), 473U);
    EXPECT_TRUE(apart(row_set(s.train), row_set(s.test)));
    EXPECT_EQ(s.validation, s.test);
    EXPECT_FALSE(apart(patient_set(s.train, rows), patient_set(s.test, rows)));
    tested.merge(row_set(s.test));
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{95, 95, 95, 94, 94}));
  EXPECT_EQ(tested.size(), 473U);
  const auto consecutive = splits[0].test;
  EXPECT_NE(consecutive.back().row - consecutive.front().row, 94);
}

TEST(SlicesSplit, RefusesMoreFoldsThanSlices) {
  SplitOptions options;
  options.mode = SplitMode::slices;
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { make_splits(rows_of(1, 3), options, 0); }),
                   {"the data has 3", "5 folds"}));
}

TEST(ChosenRows, WithLesionLeavesEmptyMasksOut) {
  const ScratchFolder folder;
  const auto set = made_up_set(folder);  // every fifth slice is clean
  SplitOptions options;
  EXPECT_EQ(chosen_rows(set, options).size(), 60U);
  options.rows = SplitRows::with_lesion;
  const auto chosen = chosen_rows(set, options);
  EXPECT_EQ(chosen.size(), 48U);
  for (const int64_t row : chosen) EXPECT_NE(row % 5, 4);
  options.mode = SplitMode::slices;
  std::set<int64_t> tested;
  for (const auto& s : make_splits(set.rows(), chosen, options, 0)) tested.merge(row_set(s.test));
  EXPECT_EQ(tested, (std::set<int64_t>(chosen.begin(), chosen.end())));
}

TEST(ChosenRows, RefusesDataWithoutLesionsAndUnknownWords) {
  const ScratchFolder folder;
  PreparedHeader header;
  header.height = header.width = 8;
  header.rows = rows_of(1, 2);
  PreparedSetWriter writer(folder / "clean.ggset", header);
  for (int64_t row = 0; row < 2; ++row) {  // "ignore" is no lesion
    writer.write(row, torch::zeros({1, 8, 8}, torch::kUInt8),
                 torch::full({8, 8}, row * 255, torch::kUInt8));
  }
  writer.finish();
  const PreparedSet set(folder / "clean.ggset");
  SplitOptions options;
  options.rows = SplitRows::with_lesion;
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { chosen_rows(set, options); }),
                   {"none of the 2 masks has a lesion", "with_lesion"}));
}

TEST(SharedPatients, AreNamesOnBothSides) {
  auto rows = rows_of(6, 3, "a");
  for (const auto& s : make_splits(rows, {}, 1)) EXPECT_TRUE(shared_patients(s, rows).empty());
  auto others = rows_of(6, 3, "b");
  for (auto& row : others) row.patient[0] = 'a';  // "ap0" in both domains
  rows.insert(rows.end(), others.begin(), others.end());
  bool shared = false;
  for (const auto& s : make_splits(rows, {}, 0)) {
    for (const auto& name : shared_patients(s, rows)) {
      EXPECT_TRUE(patient_set(s.train, rows).count(name) > 0);
      shared = true;
    }
  }
  EXPECT_TRUE(shared);
  SplitOptions paper;
  paper.mode = SplitMode::paper;
  const Split split = make_splits(rows, paper, 0).front();
  EXPECT_FALSE(shared_patients(split, rows).empty());
}

TEST(EqualDomains, GiveEveryPartAsManyRowsOfEach) {
  auto rows = rows_of(10, 5, "a");
  const auto more = rows_of(6, 5, "b");
  rows.insert(rows.end(), more.begin(), more.end());
  for (const auto mode : {SplitMode::paper, SplitMode::slices}) {
    SplitOptions options;
    options.mode = mode;
    options.test_fraction = 0.3;
    options.equal_domains = true;
    const auto splits = make_splits(rows, options, mode == SplitMode::paper ? 1 : 0);
    const auto of_domain = [&](const std::vector<Entry>& entries, const char* domain) {
      return std::count_if(entries.begin(), entries.end(), [&](const Entry& e) {
        return rows[static_cast<size_t>(e.row)].domain == domain;
      });
    };
    ASSERT_EQ(splits.size(), 5U);
    for (const auto& s : splits) {
      for (const auto* part : {&s.train, &s.validation, &s.test}) {
        EXPECT_EQ(of_domain(*part, "a"), of_domain(*part, "b"));
      }
      EXPECT_EQ(s.test.size(), mode == SplitMode::paper ? 18U : 12U);
      auto all = row_set(s.train);
      all.merge(row_set(s.validation));
      all.merge(row_set(s.test));
      EXPECT_EQ(all.size(), 60U);  // 30 of each
    }
  }
  SplitOptions strict;
  strict.equal_domains = true;
  EXPECT_EQ(complaint(ErrorKind::recipe, [&] { make_splits(rows, strict, 0); }),
            "[split] equal_domains is set, expected mode 'paper' or 'slices' with it, found "
            "'strict'; set equal_domains = false");
}

TEST(SplitRows, LeaveOutDarkSlices) {
  const ScratchFolder folder;
  PreparedHeader header;
  header.height = header.width = 20;
  for (const char* name : {"black", "speck", "faint", "chest"}) {
    header.rows.push_back({name, name, name, "", "", true});
  }
  {
    PreparedSetWriter writer(folder / "set.ggset", header);
    for (int64_t row = 0; row < 4; ++row) {
      auto image = torch::full({1, 20, 20}, row == 2 ? 25 : 0, torch::kUInt8);
      if (row == 1) image[0][3].narrow(0, 0, 4).fill_(255);  // a hundredth of the pixels
      if (row == 3) image[0].narrow(0, 5, 5).fill_(90);
      writer.write(row, image, torch::zeros({20, 20}, torch::kUInt8));
    }
    writer.finish();
  }
  const PreparedSet set(folder / "set.ggset");
  SplitOptions options;
  options.rows = SplitRows::not_dark;
  EXPECT_EQ(chosen_rows(set, options), std::vector<int64_t>{3});
}

}  // namespace
}  // namespace groundglass
