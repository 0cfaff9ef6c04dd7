#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "groundglass/data/stratified_split.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

std::vector<PreparedRow> labelled_rows(const std::string& label, int64_t count) {
  std::vector<PreparedRow> rows;
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = label + std::to_string(i);
    rows.push_back({name, name, name, label, label, true});
  }
  return rows;
}

std::vector<PreparedRow> both(int64_t infected, int64_t normal) {
  auto rows = labelled_rows("infected", infected), more = labelled_rows("normal", normal);
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

int64_t with_label(const std::vector<Entry>& entries, const std::vector<PreparedRow>& rows,
                   const std::string& label) {
  return std::count_if(entries.begin(), entries.end(), [&](const Entry& e) {
    return rows[static_cast<size_t>(e.row)].label == label;
  });
}

SplitOptions stratified() {
  SplitOptions options;
  options.mode = SplitMode::stratified;
  return options;
}

// Degerli et al., Section IV-A: 2,951 and 12,544 images, 2,361 + 10,035 for training, 590 + 2,509
// for the test, 20,070 after augmentation.
TEST(StratifiedSplit, HasTheNumbersOfThePaper) {
  const auto rows = both(2951, 12544);
  SplitOptions options = stratified();
  options.balance_labels = {"infected"};
  const auto splits = make_splits(rows, options, 0);
  ASSERT_EQ(splits.size(), 5U);
  const auto& split = splits[1];
  EXPECT_EQ(with_label(split.test, rows, "infected"), 590);
  EXPECT_EQ(with_label(split.test, rows, "normal"), 2509);
  EXPECT_EQ(with_label(split.train, rows, "normal"), 10035);
  EXPECT_EQ(with_label(split.train, rows, "infected"), 10035);
  EXPECT_EQ(split.train.size(), 20070U);
  const auto originals = std::count_if(split.train.begin(), split.train.end(),
                                       [](const Entry& e) { return e.copy == 0; });
  EXPECT_EQ(originals, 2361 + 10035);
  EXPECT_EQ(static_cast<int64_t>(split.train.size()) - originals, 7674);
}

TEST(StratifiedSplit, TestsEveryImageOnceWithItsShareOfEachLabel) {
  const auto rows = both(13, 37);
  std::map<int64_t, int> tested;
  for (const auto& split : stratified_splits(rows, stratified())) {
    const auto infected = with_label(split.test, rows, "infected");
    EXPECT_TRUE(infected == 2 || infected == 3) << infected;
    for (const auto& e : split.test) {
      ++tested[e.row];
      EXPECT_EQ(std::count(split.train.begin(), split.train.end(), e), 0);
    }
    EXPECT_EQ(split.test.size() + split.train.size(), rows.size());
    EXPECT_EQ(split.validation, split.test);
  }
  EXPECT_EQ(tested.size(), rows.size());
  for (const auto& [row, times] : tested) EXPECT_EQ(times, 1) << row;
}

TEST(StratifiedSplit, FollowsItsSeedAlone) {
  const auto rows = both(13, 37);
  SplitOptions other = stratified();
  other.seed += 1;
  EXPECT_EQ(stratified_splits(rows, stratified())[0].test,
            stratified_splits(rows, stratified())[0].test);
  EXPECT_NE(stratified_splits(rows, stratified())[0].test, stratified_splits(rows, other)[0].test);
}

TEST(StratifiedSplit, RefusesImagesWithoutLabelsAndLabelsTooRare) {
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [] { stratified_splits(labelled_rows("", 9), stratified()); }),
      {"no row has a label", "column 'label'"}));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [] { stratified_splits(both(4, 9), stratified()); }),
                   {"'infected'", "4 images", "5 folds"}));
}

TEST(Balance, CopiesTheRareClassEvenlyUpToTheOther) {
  const auto rows = both(3, 8);
  Split split;
  for (int64_t i = 0; i < 11; ++i) split.train.push_back({i, 0});
  balance_training(split, rows, {"infected"});
  EXPECT_EQ(split.train.size(), 16U);
  std::map<int64_t, std::set<int64_t>> copies;
  for (const auto& e : split.train) {
    EXPECT_TRUE(copies[e.row].insert(e.copy).second) << "the same copy twice";
  }
  EXPECT_EQ(copies[0].size(), 3U);
  EXPECT_EQ(copies[1].size(), 3U);
  EXPECT_EQ(copies[2].size(), 2U);
  EXPECT_EQ(copies[5].size(), 1U);
}

TEST(Balance, AddsNothingToTheLargerClass) {
  const auto rows = both(8, 3);
  Split split;
  for (int64_t i = 0; i < 11; ++i) split.train.push_back({i, 0});
  balance_training(split, rows, {"infected"});
  EXPECT_EQ(split.train.size(), 11U);
}

TEST(Balance, KeepsPatientsApartInStrictMode) {
  const auto rows = both(20, 60);
  SplitOptions options;
  options.balance_labels = {"infected"};
  for (const auto& split : make_splits(rows, options, 0)) {
    EXPECT_EQ(with_label(split.train, rows, "infected"), with_label(split.train, rows, "normal"));
    for (const auto& e : split.test) {
      EXPECT_TRUE(std::none_of(split.train.begin(), split.train.end(),
                               [&](const Entry& t) { return t.row == e.row; }));
    }
  }
}

TEST(Balance, RefusesUnknownLabelsAndOneClass) {
  Split split;
  for (int64_t i = 0; i < 4; ++i) split.train.push_back({i, 0});
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { balance_training(split, both(4, 4), {"covid"}); }),
           {"'covid'", "infected and normal"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { balance_training(split, both(4, 4), {"infected"}); }),
           {"one class only", "4 of infected", "0 others"}));
}

}  // namespace
}  // namespace groundglass
