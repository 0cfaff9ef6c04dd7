#include <gtest/gtest.h>

#include "groundglass/annotate/agreement.h"
#include "groundglass/annotate/final_masks.h"
#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs repeated(std::initializer_list<std::tuple<int, const char*, const char*>> counts) {
  Pairs pairs;
  for (const auto& [n, a, b] : counts) {
    for (int i = 0; i < n; ++i) pairs.emplace_back(a, b);
  }
  return pairs;
}

TEST(Kappa, AgreesWithNumbersByHand) {
  // 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p_o = .7, p_e = .5 * .6 + .5 * .4 = .5.
  EXPECT_NEAR(
      *cohens_kappa(repeated({{20, "y", "y"}, {5, "y", "n"}, {10, "n", "y"}, {15, "n", "n"}})), 0.4,
      1e-12);
  // Three words: p_o = 7/10, p_e = .5 * .4 + .3 * .4 + .2 * .2 = .36, kappa = .34 / .64.
  EXPECT_NEAR(*cohens_kappa(repeated(
                  {{3, "a", "a"}, {2, "b", "b"}, {2, "c", "c"}, {2, "a", "b"}, {1, "b", "a"}})),
              0.53125, 1e-12);
  EXPECT_NEAR(*cohens_kappa(repeated({{1, "a", "b"}, {1, "b", "a"}})), -1, 1e-12);
  EXPECT_NEAR(*cohens_kappa(repeated({{2, "a", "a"}, {1, "b", "b"}})), 1, 1e-12);
}

TEST(Kappa, IsNotDefinedWithoutPairsOrChoice) {
  EXPECT_FALSE(cohens_kappa({}).has_value());
  EXPECT_FALSE(cohens_kappa(repeated({{5, "a", "a"}})).has_value());
}

class Votes : public testing::Test {
 protected:
  void choose(int64_t case_id, const std::string& who, const std::string& source,
              const std::string& drawn = "") {
    Choice c;
    c.round = made.store.rounds().back().id;
    c.case_id = case_id;
    c.annotator = who;
    c.letter = source.empty() ? '\0' : made.letter(case_id, source);
    c.drawn = drawn;
    made.store.add_choices({c}, Earlier::keep);
  }
  FinalMask final_of(int64_t case_id, const std::string& who = "") {
    for (auto& mask : final_masks(made.store, who).masks) {
      if (mask.case_id == case_id) return mask;
    }
    return {};
  }
  MadeUpProject made;
};

TEST_F(Votes, AgreeBySourceAndNotByLetter) {
  for (int64_t id = 1; id <= 4; ++id) choose(id, "anna", "near");
  choose(1, "boris", "near");
  choose(2, "boris", "manual");
  choose(3, "boris", "");
  choose(4, "cleo", "far");
  const Agreement found = agreement(made.store);
  ASSERT_EQ(found.pairs.size(), 3U);
  EXPECT_EQ(found.pairs[0].first, "anna");
  EXPECT_EQ(found.pairs[0].second, "boris");
  EXPECT_EQ(found.pairs[0].cases, 3);
  EXPECT_NEAR(*found.pairs[0].equal, 1.0 / 3, 1e-12);
  EXPECT_NEAR(*found.pairs[0].kappa, 0, 1e-12);  // p_o = 1/3 = p_e, as anna knows one word
  EXPECT_EQ(found.pairs[2].cases, 0);
  EXPECT_FALSE(found.pairs[2].equal.has_value());
  EXPECT_EQ(found.preference.choices, 8);
  EXPECT_EQ(found.preference.machine, 6);
  EXPECT_EQ(found.preference.manual, 1);
  EXPECT_EQ(found.preference.rejected, 1);
  EXPECT_NEAR(*found.preference.share(), 6.0 / 7, 1e-12);
  EXPECT_NEAR(found.preference.interval()->low, 0.4869, 1e-3);  // Wilson's of 6 among 7
}

TEST_F(Votes, CountNoPreferenceWhereNoManualMaskStood) {
  EXPECT_FALSE(agreement(made.store).preference.share().has_value());
  made.propose(2, 1, {{"near", square(10, 11)}});
  choose(5, "anna", "near");
  EXPECT_EQ(agreement(made.store).preference.choices, 0);
}

TEST_F(Votes, TheSourceWithMostAnnotatorsWins) {
  choose(1, "anna", "manual");
  choose(1, "boris", "near");
  choose(1, "cleo", "near");
  const FinalMask mask = final_of(1);
  EXPECT_EQ(mask.source, "near");
  EXPECT_EQ(mask.votes, 2);
  EXPECT_EQ(mask.voters, 3);
  EXPECT_EQ(mask.annotators, (std::vector<std::string>{"boris", "cleo"}));
  EXPECT_EQ(mask.weights_sha256, "sha_of_near");
  EXPECT_TRUE(torch::equal(read_case_mask(mask.file, made.store.case_of(1), {}), square(10, 11)));
  EXPECT_EQ(final_of(1, "anna").source, "manual");
  EXPECT_EQ(final_of(1, "anna").file, made.store.case_of(1).manual);
}

TEST_F(Votes, TheEarliestChoiceBreaksATie) {
  choose(2, "zoe", "far");
  choose(2, "anna", "near");
  EXPECT_EQ(final_of(2).source, "far");
}

TEST_F(Votes, RejectedCasesWaitForADrawing) {
  choose(1, "anna", "");
  choose(2, "anna", "", "drawn/x.png");
  const FinalMasks found = final_masks(made.store);
  ASSERT_EQ(found.masks.size(), 1U);
  EXPECT_EQ(found.masks[0].source, "drawn by anna");
  EXPECT_EQ(found.masks[0].file, made.store.project() / "drawn/x.png");
  EXPECT_EQ(found.rejected, (std::vector<int64_t>{1}));
  EXPECT_EQ(found.waiting, (std::vector<int64_t>{3, 4, 5, 6}));
  const FinalMasks all = final_masks(made.store, "", Unreviewed::keep_manual);
  EXPECT_EQ(all.masks.size(), 3U);
  EXPECT_EQ(all.masks[1].source, "manual");
  EXPECT_EQ(all.masks[1].round, 0);
  EXPECT_EQ(all.waiting, (std::vector<int64_t>{5, 6}));
}

TEST_F(Votes, ALaterRoundOverrulesAnEarlierOne) {
  choose(1, "anna", "manual");
  choose(2, "anna", "manual");
  made.propose(1, 2, {{"near", square(10, 11)}, {"far", square(10, 18)}});
  choose(1, "boris", "near");
  EXPECT_EQ(final_of(1).source, "near");
  EXPECT_EQ(final_of(1).round, 2);
  EXPECT_EQ(final_of(2).source, "manual");
}

TEST_F(Votes, OfAStrangerAreRefused) {
  choose(1, "anna", "near");
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { final_masks(made.store, "ana"); }),
                   {"--annotator 'ana'", "known: anna"}));
}

}  // namespace
}  // namespace groundglass
