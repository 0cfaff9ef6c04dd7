#include <gtest/gtest.h>

#include "groundglass/annotate/choices.h"
#include "groundglass/annotate/export.h"
#include "groundglass/annotate/final_masks.h"
#include "groundglass/annotate/hurried_drawing.h"
#include "groundglass/annotate/simulate.h"
#include "groundglass/core/process.h"
#include "groundglass/metrics/counts.h"
#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"
#include "tests/predict/bright_is_lesion.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

TEST(HurriedDrawing, SlipsNoFartherThanItIsLetAndKeepsItsSeed) {
  auto labels = torch::zeros({100, 100}, torch::kUInt8);
  labels.narrow(0, 40, 20).narrow(1, 40, 20).fill_(2);
  bool differs = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed), again(seed);
    const auto drawn = hurried_drawing(labels, 0.04, rng);
    EXPECT_TRUE(torch::equal(drawn, hurried_drawing(labels, 0.04, again)));
    differs = differs || !torch::equal(drawn, labels);
    auto frame = drawn.clone();  // 4 pixels of slip and 2 of outline reach 6 beyond the square
    frame.narrow(0, 34, 32).narrow(1, 34, 32).fill_(0);
    EXPECT_EQ(frame.sum().item<int64_t>(), 0) << seed;
    EXPECT_GE((drawn == 2).sum().item<int64_t>(), 16 * 16) << seed;
    EXPECT_EQ((drawn == 1).sum().item<int64_t>(), 0) << seed;
  }
  EXPECT_TRUE(differs);
  Rng rng(1);
  EXPECT_TRUE(torch::equal(hurried_drawing(labels, 0, rng), labels));
}

class Simulate : public testing::Test {
 protected:
  Simulation play(SimulateOptions options = {}) {
    return simulate_annotation(made.store, made.folder / "out", options, 1);
  }
  static double mean(const Simulation& s, const std::string& name) {
    for (const auto& row : s.rows) {
      if (row.name == name) return row.mean();
    }
    ADD_FAILURE() << "no row " << name;
    return -1;
  }
  MadeUpProject made;
};

TEST_F(Simulate, TakesTheNearestCandidate) {
  const Simulation s = play();
  // Squares of side 12: slipped by one 2 * 132 / 288, by eight 2 * 48 / 288.
  EXPECT_NEAR(mean(s, "near"), 11.0 / 12, 1e-9);
  EXPECT_NEAR(mean(s, "far"), 4.0 / 12, 1e-9);
  EXPECT_NEAR(mean(s, "chosen, rejected cases drawn"), 11.0 / 12, 1e-9);
  EXPECT_EQ(s.best_network, "near");
  EXPECT_EQ(s.rejected, 0);
  EXPECT_NEAR(s.gain, 0, 1e-9);
  EXPECT_EQ(s.cases.size(), 4U);
  EXPECT_EQ(s.seconds_by_hand, 4 * 240);
  EXPECT_EQ(s.seconds_with_networks, 4 * 15);
  EXPECT_EQ(s.empty_references, 0);
}

TEST_F(Simulate, RejectsBelowTauAndDraws) {
  SimulateOptions options;
  options.tau = 0.95;
  options.slip = 0;  // a perfect hand
  const Simulation s = play(options);
  EXPECT_EQ(s.rejected, 4);
  EXPECT_NEAR(mean(s, "chosen, rejected cases drawn"), 1, 1e-9);
  EXPECT_NEAR(s.gain, 1.0 / 12, 1e-9);
  EXPECT_NEAR(s.gain_interval->low, 1.0 / 12, 1e-9);
  EXPECT_EQ(s.seconds_with_networks, 4 * (15 + 240));
  EXPECT_EQ(s.machine_preferred, 0);
  options.slip = 0.2;
  EXPECT_LT(mean(play(options), "drawn in a hurry"), 0.9);
}

TEST_F(Simulate, AnEyeThatErrsChoosesWorse) {
  SimulateOptions options;
  options.noise = 1;
  options.tau = 0;
  double worst = 1;
  for (uint64_t seed = 1; seed < 6; ++seed) {
    options.seed = seed;
    worst = std::min(worst, mean(play(options), "best-looking candidate, nothing rejected"));
  }
  EXPECT_LT(worst, 0.9);
}

TEST_F(Simulate, WritesChoicesThatTheProjectReads) {
  SimulateOptions options;
  options.tau = 0.95;
  options.slip = 0;
  play(options);
  EXPECT_EQ(
      read_choices(made.store, made.folder / "out/choices.csv", "played", Earlier::keep).added, 4);
  const auto drawn = final_masks(made.store).masks;
  ASSERT_EQ(drawn.size(), 4U);
  EXPECT_EQ(drawn[0].source, "drawn by played");
  EXPECT_TRUE(
      torch::equal(read_case_mask(drawn[0].file, made.store.case_of(1), {}), square(10, 10)));
  EXPECT_EQ(made.store.choices()[0].seconds, 255);
  options.tau = 0.5;
  play(options);
  EXPECT_EQ(read_choices(made.store, made.folder / "out/choices.csv", "other", Earlier::keep).added,
            4);
  EXPECT_EQ(final_masks(made.store, "other").masks[0].source, "near");
}

TEST_F(Simulate, WritesWhatItFound) {
  play();
  EXPECT_TRUE(says(read_file(made.folder / "out/simulation.md"),
                   {"| near | 4 | 0.917 | 0.917 to 0.917 |", "240 s for a drawing", "upper bound",
                    "(assumed)"}));
  const auto document = nlohmann::json::parse(read_file(made.folder / "out/simulation.json"));
  EXPECT_EQ(document["rows"].size(), 6U);
  EXPECT_EQ(document["options"]["seconds_per_choice"], 15);
  EXPECT_TRUE(
      says(read_file(made.folder / "out/cases.csv"),
           {"case,patient,dice_near,dice_far,dice_drawn,taken,rejected\n", "s/case_3,patient_1,"}));
}

TEST(SimulateWithout, AFinishedFirstRoundIsRefused) {
  const ScratchFolder folder;
  auto store = MadeUpProject::begin(folder);
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { simulate_annotation(store, folder / "out", {}, 1); }),
           {"has no finished round of stage 1", "annotate propose"}));
}

TEST(SimulateEmpty, ReferencesCountAsOneWhereNothingIsProposed) {
  const ScratchFolder folder;
  write_png(folder / "a.png", square(0, 0));
  write_png(folder / "a_mask.png", torch::zeros({40, 48}, torch::kUInt8));
  write_file(folder / "t.csv", "image,mask\na.png,a_mask.png\n");
  auto store = AnnotationStore::create(folder / "p", {"t", {}},
                                       cases_of(read_dataset(folder / "t.csv"), {}, 1));
  const Round round = store.begin_round(1, 1, {"silent", "loud"});
  write_png(store.project() / "silent.png", torch::zeros({40, 48}, torch::kUInt8));
  write_png(store.project() / "loud.png", square(0, 0) * 255);
  store.add_proposals(
      round.id, {{0, 1, "silent", "silent.png", "", 0.5}, {0, 1, "loud", "loud.png", "", 0.5}});
  store.finish_round(round.id, shuffled_candidates(round, store.cases(), store.proposals(1)));
  const Simulation s = simulate_annotation(store, folder / "out", {}, 1);
  EXPECT_EQ(s.rows[0].mean(), 1);
  EXPECT_EQ(s.rows[1].mean(), 0);
  EXPECT_EQ(s.empty_references, 1);
}

/// A network that takes nothing or everything for infected.
Segmenter segmenter_with(double threshold) {
  SegmenterOptions options = bright_segmenter(32).options();
  options.threshold = threshold;
  return Segmenter(options);
}

TEST(Propose, KeepsMasksOnTheCasesOwnGridAndGoesOn) {
  MadeUpProject made;
  for (int64_t i = 0; i < 6; ++i) {  // half black, half white
    auto picture = torch::zeros({40, 48}, torch::kUInt8);
    picture.narrow(1, 24, 24).fill_(255);
    write_png(made.store.case_of(i + 1).image, picture);
  }
  const Round round = made.store.begin_round(2, 1, {"bright"});
  Segmenter segmenter = segmenter_with(0.5);
  const auto cases = cases_of_stage(made.store, 2);
  propose_cases(made.store, round, {"bright", {&segmenter}, "sha"}, {cases[0]});
  const auto first = made.store.proposals(round.id);
  ASSERT_EQ(first.size(), 1U);
  propose_cases(made.store, round, {"bright", {&segmenter}, "sha"}, cases);
  const auto all = made.store.proposals(round.id);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, first[0].id);  // not made again
  const auto labels = read_case_mask(made.store.project() / all[1].file, made.store.case_of(6), {});
  EXPECT_EQ(labels.narrow(1, 0, 22).sum().item<int64_t>(), 0);
  EXPECT_EQ(labels.narrow(1, 26, 22).sum().item<int64_t>(), 40 * 22);
  EXPECT_EQ(all[1].threshold, 0.5);
}

TEST(Propose, AveragesTheProbabilitiesOfFolds) {
  MadeUpProject made;
  // Both say 0.40: their mean, not their sum, must meet the threshold.
  write_png(made.store.case_of(5).image, torch::full({40, 48}, 127, torch::kUInt8));
  write_png(made.store.case_of(6).image, torch::full({40, 48}, 255, torch::kUInt8));
  const Round round = made.store.begin_round(2, 1, {"folds"});
  Segmenter sure = segmenter_with(0.4), other = segmenter_with(0.8);
  propose_cases(made.store, round, {"folds", {&sure, &other}, "sha"},
                cases_of_stage(made.store, 2));
  const auto kept = made.store.proposals(round.id);
  EXPECT_NEAR(kept[0].threshold, 0.6, 1e-12);
  const auto infected = [&](size_t at) {
    return read_case_mask(made.store.project() / kept[at].file,
                          made.store.case_of(kept[at].case_id), {})
        .sum()
        .item<int64_t>();
  };
  EXPECT_EQ(infected(0), 0);
  EXPECT_EQ(infected(1), 40 * 48);
}

TEST(Stopping, EndsEveryStepAndTheNextCallGoesOn) {
  MadeUpProject made;
  const Round round = made.store.begin_round(2, 1, {"bright"});
  Segmenter segmenter = segmenter_with(0.5);
  request_stop(15);
  EXPECT_THROW(propose_cases(made.store, round, {"bright", {&segmenter}, "sha"},
                             cases_of_stage(made.store, 2)),
               Stopped);
  EXPECT_THROW(write_handout(made.store, made.round, {}, 1), Stopped);
  EXPECT_THROW(simulate_annotation(made.store, made.folder / "out", {}, 1), Stopped);
  const auto masks = final_masks(made.store, "", Unreviewed::keep_manual).masks;
  EXPECT_THROW(export_masks(made.store, masks, made.folder / "e", ExportLayout::table, 1), Stopped);
  request_stop(0);
  EXPECT_FALSE(fs::exists(made.folder / "e/cases.csv"));
  export_masks(made.store, masks, made.folder / "e", ExportLayout::table, 1);
  EXPECT_TRUE(fs::exists(made.folder / "e/cases.csv"));
}

TEST_F(Simulate, PlaysTheSecondStageByMasksThatTheProjectLacks) {
  // The fifth and sixth case have no mask in the project; the table beside it has them.
  std::string table = csv_line({"image", "mask"});
  for (int64_t i = 0; i < 6; ++i) {
    const std::string name = "s/case_" + std::to_string(i);
    write_png(made.folder / ("data/" + name + "_hidden.png"), square(10, 10) * 255);
    table += csv_line({name + ".png", name + "_hidden.png"});
  }
  write_file(made.folder / "data/full.csv", table);
  SimulateOptions options;
  options.references = (made.folder / "data/full.csv").string();
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { play(options); }),
                   {"no finished round of stage 2", "propose --stage 2"}));
  made.propose(2, 1, {{"near", square(10, 11)}, {"far", square(10, 18)}});
  const Simulation s = play(options);
  EXPECT_EQ(s.round.stage, 2);
  ASSERT_EQ(s.cases.size(), 2U);
  EXPECT_EQ(s.best_network, "near");
  EXPECT_NEAR(mean(s, "near"), 2.0 * 11 / 24, 1e-9);
  EXPECT_EQ(simulation_json(s, made.store)["stage"], 2);
  EXPECT_EQ(play().round.stage, 1);  // without references the first stage, as ever
  write_file(made.folder / "data/full.csv", "image,mask\ns/case_0.png,s/case_0_hidden.png\n");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { play(options); }),
                   {"full.csv: names no mask of a case of round 2"}));
}

}  // namespace
}  // namespace groundglass
