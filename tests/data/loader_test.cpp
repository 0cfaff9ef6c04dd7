#include <map>
#include <set>

#include <gtest/gtest.h>

#include "groundglass/data/loader.h"
#include "tests/complaint.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

std::vector<Entry> all_entries(const PreparedSet& set) {
  std::vector<Entry> entries;
  for (int64_t i = 0; i < set.size(); ++i) entries.push_back({i, 0, 0});
  return entries;
}

std::vector<Batch> all_batches(const PreparedSet& set, const std::vector<Entry>& order,
                               const LoaderOptions& options, int64_t first = 0) {
  Loader loader(set, order, options, first);
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

TEST(Loader, GivesTheSameBatchesOnAnyNumberOfThreads) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  LoaderOptions options;
  options.batch_size = 7;
  options.vary = true;
  options.augment.gray_probability = 1;
  const auto one = all_batches(set, all_entries(set), options);
  for (const int64_t threads : {2, 5}) {
    options.threads = threads;
    options.prefetch = threads;
    const auto many = all_batches(set, all_entries(set), options);
    ASSERT_EQ(many.size(), one.size());
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_TRUE(torch::equal(one[i].image, many[i].image));
      EXPECT_TRUE(torch::equal(one[i].target, many[i].target));
      EXPECT_EQ(one[i].rows, many[i].rows);
    }
  }
}

TEST(Loader, EndsWithASmallerBatchAndCanSkipTheFirst) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);  // 60 rows
  LoaderOptions options;
  options.batch_size = 16;
  const auto batches = all_batches(set, all_entries(set), options);
  ASSERT_EQ(batches.size(), 4U);
  EXPECT_EQ(batches.back().image.sizes(), (torch::IntArrayRef{12, 1, 32, 32}));
  EXPECT_EQ(batches.back().target.sizes(), (torch::IntArrayRef{12, 32, 32}));
  const auto later = all_batches(set, all_entries(set), options, 2);
  ASSERT_EQ(later.size(), 2U);
  EXPECT_TRUE(torch::equal(later[0].image, batches[2].image));
}

TEST(Loader, VariesFromEpochToEpochOnlyWhenAskedTo) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  LoaderOptions options;
  options.augment.affine_probability = 1;
  const Entry entry{4, 0, 0};
  const auto stored = load_sample(set, entry, options).image;
  EXPECT_TRUE(torch::equal(stored, set.image(4)));
  options.vary = true;
  const auto first = load_sample(set, entry, options).image;
  options.epoch = 1;
  EXPECT_FALSE(torch::equal(first, load_sample(set, entry, options).image));
  EXPECT_FALSE(torch::equal(first, load_sample(set, {4, 0, 1}, options).image));  // drawn again
}

TEST(Loader, GivesAStoredCopyTheSameFaceInEveryEpoch) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  LoaderOptions options;
  options.augment.affine_probability = 1;
  const auto copy = load_sample(set, {4, 1, 0}, options).image;
  options.epoch = 9;
  EXPECT_TRUE(torch::equal(copy, load_sample(set, {4, 1, 0}, options).image));
  EXPECT_FALSE(torch::equal(copy, load_sample(set, {4, 2, 0}, options).image));
  EXPECT_FALSE(torch::equal(copy, set.image(4)));
}

TEST(Loader, HandsOnTheErrorOfItsThread) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  EXPECT_TRUE(says(complaint(ErrorKind::internal,
                             [&] {
                               all_batches(set, {{99, 0, 0}}, {});
                             }),
                   {"row 99 of a prepared set was asked for", "expected 0 to"}));
}

TEST(EpochOrder, ShufflesEveryEntryOnce) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const auto order = epoch_order(all_entries(set), set.rows(), Sampling::shuffle, 1, 0);
  std::set<int64_t> seen;
  for (const auto& e : order) EXPECT_TRUE(seen.insert(e.row).second);
  EXPECT_EQ(seen.size(), 60U);
  EXPECT_NE(order, epoch_order(all_entries(set), set.rows(), Sampling::shuffle, 1, 1));
  EXPECT_EQ(order, epoch_order(all_entries(set), set.rows(), Sampling::shuffle, 1, 0));
}

TEST(EpochOrder, DrawsDomainsAndPatientsEvenly) {
  std::vector<PreparedRow> rows;  // a large and a small domain; one patient has most slices
  for (int i = 0; i < 90; ++i) {
    rows.push_back({"a" + std::to_string(i), "", i < 80 ? "many" : "few", "a", "", true});
  }
  for (int i = 0; i < 10; ++i) rows.push_back({"b" + std::to_string(i), "", "p", "b", "", true});
  std::vector<Entry> entries;
  for (int64_t i = 0; i < 100; ++i) entries.push_back({i, 0, 0});
  const auto drawn = [&](Sampling sampling) {
    std::map<std::string, int> counts;
    for (const auto& e : epoch_order(entries, rows, sampling, 3, 0, 400)) {
      const auto& row = rows[static_cast<size_t>(e.row)];
      ++counts[row.domain];
      ++counts[row.domain + row.patient];
    }
    return counts;
  };
  EXPECT_EQ(drawn(Sampling::shuffle)["b"], 40);
  EXPECT_EQ(drawn(Sampling::domains)["b"], 200);
  EXPECT_NEAR(drawn(Sampling::domains)["amany"], 178, 6);
  EXPECT_EQ(drawn(Sampling::patients)["amany"], 100);
  EXPECT_EQ(drawn(Sampling::patients)["afew"], 100);
}

TEST(EpochOrder, PrefersSmallLesionsEverySecondTime) {
  std::vector<PreparedRow> rows;  // one slice in ten of patient p is small, none of q
  std::vector<bool> small;
  std::vector<Entry> entries;
  for (int64_t i = 0; i < 40; ++i) {
    rows.push_back({std::to_string(i), "", i < 20 ? "p" : "q", "d", "", true});
    small.push_back(i < 20 && i % 10 == 0);
    entries.push_back({i, 0, 0});
  }
  int64_t of_p = 0, small_ones = 0;
  for (const auto& e : epoch_order(entries, rows, Sampling::small_lesions, 3, 0, 400, small)) {
    of_p += e.row < 20;
    small_ones += small[static_cast<size_t>(e.row)];
  }
  EXPECT_EQ(of_p, 200);
  EXPECT_EQ(small_ones, 100 + 10);
}

TEST(RowsWithSmallLesions, AreInfectedALittle) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder);
  const auto at = [&](double share) { return rows_with_small_lesions(set, share); };
  const auto none = at(0), all = at(1), some = at(0.1);
  for (int64_t row = 0; row < set.size(); ++row) {
    const auto i = static_cast<size_t>(row);
    EXPECT_FALSE(none[i]);
    EXPECT_EQ(all[i], row % 5 != 4);  // every fifth slice is clean
    const double share = set.mask(row).to(torch::kFloat64).mean().item<double>();
    EXPECT_EQ(some[i], share > 0 && share <= 0.1) << share;
  }
}

TEST(EpochOrder, NumbersRepeatedDraws) {
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {.domains = 1, .patients = 1, .slices = 3});
  std::map<int64_t, int64_t> next;
  for (const auto& e : epoch_order(all_entries(set), set.rows(), Sampling::shuffle, 1, 0, 30)) {
    EXPECT_EQ(e.draw, next[e.row]++);
  }
  EXPECT_EQ(next.size(), 3U);
}

}  // namespace
}  // namespace groundglass
