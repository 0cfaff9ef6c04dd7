#include <gtest/gtest.h>

#include "groundglass/adapt/adaptation_table.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

/// A slice with a Dice of tp / 100.
ScoredItem item(const std::string& patient, int64_t tp, const std::string& id = "") {
  ScoredItem i;
  i.id = id.empty() ? patient : id;
  i.case_id = i.patient = patient;
  i.domain = "far";
  i.counts = {tp, 100 - tp, 100 - tp, 800 + tp};
  return i;
}

Transfer transfer() {
  Transfer t{"near",
             "far",
             {},
             {0.7, 0.06, 0.996, 0.001, 0.68, 0.09, 0.73, 0.02, 0.995, 0.001, 0.77, 0.03}};
  TransferRun first, second;
  first.cutoff = 0.4;
  first.before = {item("a", 50), item("b", 70)};
  first.after = {item("a", 70), item("b", 70)};
  first.labelled = {"a"};
  SelectionReport r;
  r.slices = 2;
  r.asked = r.chosen = 1;
  r.histogram.assign(20, 0);
  r.histogram[3] = r.histogram[9] = 1;
  r.histogram[18] = 5;
  first.rounds = {r};
  second.seed = 1;
  second.before = second.after = {item("a", 60), item("b", 60)};
  second.note = "nothing chosen";
  t.runs = {first, second};
  return t;
}

TEST(RunMeans, AverageRunsAndNotSlices) {
  const RunMeans m = run_means({{item("a", 50), item("b", 70)}, {item("a", 80)}});
  EXPECT_NEAR(m.dice.mean, 0.7, 1e-12);  // .6 and .8
  EXPECT_NEAR(m.dice.deviation, std::sqrt(0.02), 1e-12);
  EXPECT_NEAR(m.sensitivity.mean, 0.7, 1e-12);
  EXPECT_EQ(m.runs, 2);
  EXPECT_EQ(m.slices, 3);
  EXPECT_EQ(m.patients, 2);
}

TEST(RunMeans, BootstrapPatientsAndNotSlices) {
  // Many slices of two patients: whoever is drawn twice decides.
  std::vector<ScoredItem> items;
  for (int i = 0; i < 50; ++i) {
    items.push_back(item("a", 20, "a" + std::to_string(i)));
    items.push_back(item("b", 90, "b" + std::to_string(i)));
  }
  const RunMeans m = run_means({items});
  ASSERT_TRUE(m.interval.has_value());
  EXPECT_NEAR(m.interval->low, 0.2, 1e-9);
  EXPECT_NEAR(m.interval->high, 0.9, 1e-9);
  EXPECT_FALSE(run_means({{item("a", 20)}}).interval.has_value());
}

TEST(DiceGain, ComparesTheSamePatients) {
  // Dice differs much between patients, the gain does not: a paired interval is narrow.
  const std::vector<std::vector<ScoredItem>> before = {{item("a", 20), item("b", 80)}},
                                             after = {{item("a", 25), item("b", 85)}};
  const Gain gain = dice_gain(before, after);
  EXPECT_NEAR(gain.mean, 0.05, 1e-12);
  ASSERT_TRUE(gain.interval.has_value());
  EXPECT_NEAR(gain.interval->low, 0.05, 1e-9);
  EXPECT_NEAR(gain.interval->high, 0.05, 1e-9);
}

TEST(AdaptationTables, PutOursBesideThePapers) {
  const auto tables =
      adaptation_tables({transfer()}, {}, Protocol::strict, [](const auto&) { return true; });
  ASSERT_EQ(tables.dice.rows.size(), 1U);
  const auto& row = tables.dice.rows[0];
  ASSERT_EQ(row.size(), tables.dice.head.size());
  EXPECT_EQ(row[4], "0.600 +- 0.000");
  EXPECT_EQ(row[6], "0.700 +- 0.060");
  EXPECT_EQ(row[7], "0.650 +- 0.071");
  EXPECT_EQ(row[9], "0.730 +- 0.020");
  EXPECT_EQ(row[10].rfind("+0.050", 0), 0U) << row[10];
  EXPECT_EQ(tables.others.rows[0].size(), tables.others.head.size());
  EXPECT_EQ(tables.others.rows[0][9], "0.770 +- 0.030");
  EXPECT_EQ(tables.json["transfers"][0]["expected"][0], 0.7);
}

TEST(AdaptationTables, ScoreTheSlicesWithoutAPseudoLabelInStrictMode) {
  const auto chooses = [](const auto&) { return true; };
  const auto tables = adaptation_tables({transfer()}, {}, Protocol::strict, chooses);
  ASSERT_EQ(tables.rest.rows.size(), 1U);
  EXPECT_EQ(tables.rest.rows[0][2], "3");               // b of the first run, both of the second
  EXPECT_EQ(tables.rest.rows[0][3], "0.650 +- 0.071");  // .7 and .6
  EXPECT_TRUE(adaptation_tables({transfer()}, {}, Protocol::paper, chooses).rest.rows.empty());
}

TEST(AdaptationTables, ShowTheHistogramAndWhereNothingWasChosen) {
  const auto tables =
      adaptation_tables({transfer()}, {}, Protocol::strict, [](const auto&) { return true; });
  ASSERT_EQ(tables.certainty.rows.size(), 2U);
  const auto& row = tables.certainty.rows[0];
  ASSERT_EQ(row.size(), tables.certainty.head.size());
  EXPECT_EQ(row[8], "2");   // below one half
  EXPECT_EQ(row[17], "5");  // .90
  EXPECT_EQ(tables.certainty.head[17], ".90");
  EXPECT_EQ(tables.certainty.rows[1][7], "nothing chosen");
  EXPECT_EQ(tables.certainty.rows[1].size(), tables.certainty.head.size());
}

TEST(AdaptationTables, ChooseOptionsByTheChoosingPatientsAlone) {
  Transfer better_on_a = transfer(), better_on_b = transfer();
  for (auto& run : better_on_a.runs) run.after = {item("a", 90), item("b", 10)};
  for (auto& run : better_on_b.runs) run.after = {item("a", 80), item("b", 95)};
  const std::vector<AblationRow> rows = {{"first", "x", {better_on_b}},
                                         {"second", "y", {better_on_a}}};
  const auto tables = adaptation_tables({}, rows, Protocol::strict,
                                        [](const ScoredItem& i) { return i.patient == "a"; });
  EXPECT_EQ(tables.best, "second");
  ASSERT_EQ(tables.ablation.rows.size(), 2U);
  EXPECT_EQ(tables.ablation.rows[0].size(), tables.ablation.head.size());
  EXPECT_EQ(tables.ablation.rows[1][3], "0.900");
  EXPECT_EQ(tables.ablation.rows[1][4], "0.100");
  EXPECT_EQ(tables.runs.rows[0].size(), tables.runs.head.size());
}

TEST(AdaptationTables, CountARowThatDoesNotAdaptAsItIs) {
  Transfer alone = transfer();
  for (auto& run : alone.runs) run.after.clear();
  const auto tables = adaptation_tables({alone}, {{"none", "", {alone}}}, Protocol::strict,
                                        [](const auto&) { return true; });
  EXPECT_EQ(tables.ablation.rows[0][5], tables.ablation.rows[0][6]);
  EXPECT_EQ(tables.dice.rows[0][7], "-");
  EXPECT_TRUE(tables.rest.rows.empty());
}

}  // namespace
}  // namespace groundglass
