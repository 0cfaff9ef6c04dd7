#include <atomic>
#include <cmath>
#include <thread>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "tests/complaint.h"
#include "tests/runs/small_search.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// A training that takes no time: the score grows with the epochs and is best for rates near 1e-2;
/// rates above 2e-2 diverge.
FoldOutcome pretended(const Trial& trial, int64_t fold, int64_t epochs) {
  const double rate = trial.recipe.train.learning_rate;
  if (rate > 2e-2) fail(ErrorKind::recipe, "the loss is not a number");
  const double score = 0.5 - 0.1 * std::abs(std::log10(rate) + 2) +
                       0.01 * static_cast<double>(epochs) + 0.001 * static_cast<double>(fold);
  return {score, epochs, 1.5, ""};
}

SearchJob job_of(const SearchPlan& plan, const fs::path& output, Claims& claims) {
  SearchJob job;
  job.plan = &plan;
  job.output = output;
  job.claims = &claims;
  job.train = [](const Trial& trial, int64_t fold, int64_t epochs, const fs::path&, const Claim&) {
    return pretended(trial, fold, epochs);
  };
  return job;
}

const std::string kHalving = "strategy = \"halving\"\ntrials = 9\nmin_epochs = 1\nfolds = [0, 2]";

TEST(Search, TheBestGoOnAndTheFailedStayBehind) {
  const ScratchFolder folder;
  const auto plan = plan_of(folder, search_head(kHalving) + kRate);
  Claims claims;
  const auto standing = run_search(job_of(plan, folder / "out", claims));
  ASSERT_TRUE(standing.finished);
  ASSERT_EQ(standing.members.size(), 3U);
  EXPECT_EQ(standing.members[1].size(), 3U);
  EXPECT_EQ(standing.members[2].size(), 1U);
  EXPECT_EQ(standing.winner(), standing.members[2].front());
  double best = 1;
  int64_t best_trial = -1, failed = 0;
  for (const auto& trial : plan.trials) {
    const double rate = trial.recipe.train.learning_rate;
    if (rate > 2e-2) ++failed;
    if (rate <= 2e-2 && std::abs(std::log10(rate) + 2) < best) {
      best = std::abs(std::log10(rate) + 2);
      best_trial = trial.number;
    }
  }
  EXPECT_EQ(standing.winner(), best_trial);
  ASSERT_GT(failed, 0);
  EXPECT_TRUE(standing.trials[static_cast<size_t>(standing.ranking.back())].failed());
  const auto table = search_table(plan, standing);
  EXPECT_EQ(table.rungs.rows[0][2], std::to_string(failed));
  EXPECT_TRUE(says(table.trials.csv(), {"train.learning_rate", "1 epoch,3 epochs,9 epochs",
                                        "failed: the loss is not a number"}));
  EXPECT_EQ(table.json["epochs_planned"], 2 * (9 + 3 * 2 + 6));
  EXPECT_EQ(table.json["trials"].back()["status"], "failed");
  EXPECT_TRUE(table.json["trials"].back()["score"].is_null());
  // The mean of folds 0 and 2.
  EXPECT_NEAR(*standing.trials[static_cast<size_t>(best_trial)].rungs[2].score,
              0.5 - 0.1 * best + 0.09 + 0.001, 1e-12);
  const Recipe recipe = parse_recipe(best_recipe_text(plan, standing), "best.toml");
  EXPECT_EQ(recipe.resolved(), plan.trials[static_cast<size_t>(best_trial)].recipe.resolved());
}

TEST(Search, SeveralProcessesAndInterruptionsLeaveTheSameTable) {
  const ScratchFolder folder;
  const auto plan = plan_of(folder, search_head(kHalving) + kRate);
  const ClaimOptions quick = {0.05, 5, 0.005};
  Claims alone(quick);
  const std::string expected =
      search_table(plan, run_search(job_of(plan, folder / "one", alone))).trials.csv();

  std::atomic<int> trainings = 0;
  const auto worker = [&] {
    Claims claims(quick);
    SearchJob job = job_of(plan, folder / "many", claims);
    job.train = [&](const Trial& trial, int64_t fold, int64_t epochs, const fs::path&,
                    const Claim&) {
      ++trainings;
      std::this_thread::sleep_for(std::chrono::milliseconds(trial.number % 3));
      return pretended(trial, fold, epochs);
    };
    EXPECT_EQ(search_table(plan, run_search(job)).trials.csv(), expected);
  };
  std::thread second(worker), third(worker);
  worker();
  second.join();
  third.join();
  EXPECT_EQ(trainings, 2 * (9 + 3 + 1));

  Claims claims(quick);
  int budget = 0, calls = 0;  // it dies after one, two, three, ... trainings
  SearchStanding standing;
  while (!standing.finished) {
    int left = ++budget;
    SearchJob job = job_of(plan, folder / "parts", claims);
    job.train = [&](const Trial& trial, int64_t fold, int64_t epochs, const fs::path&,
                    const Claim&) {
      if (left-- == 0) throw std::runtime_error("killed");
      ++calls;
      return pretended(trial, fold, epochs);
    };
    try {
      standing = run_search(job);
    } catch (const std::runtime_error&) {
    }
  }
  EXPECT_EQ(search_table(plan, standing).trials.csv(), expected);
  EXPECT_EQ(calls, 2 * (9 + 3 + 1));
}

TEST(Search, EndsAtErrorsThatAreNotTheTrials) {
  const ScratchFolder folder;
  const auto plan = plan_of(folder, search_head("trials = 2") + kRate);
  Claims claims;
  SearchJob job = job_of(plan, folder / "out", claims);
  job.train = [](const Trial&, int64_t, int64_t, const fs::path&, const Claim&) -> FoldOutcome {
    fail(ErrorKind::data, "the disk is full");
  };
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { run_search(job); }), {"disk"}));
  EXPECT_TRUE(
      run_search(job_of(plan, folder / "out", claims)).finished);  // the claim was given back
}

TEST(Search, WithoutASuccessHasNoWinner) {
  const ScratchFolder folder;
  const auto plan = plan_of(folder, search_head("trials = 2") + kRate);
  Claims claims;
  SearchJob job = job_of(plan, folder / "out", claims);
  job.train = [](const Trial&, int64_t, int64_t, const fs::path&, const Claim&) -> FoldOutcome {
    fail(ErrorKind::recipe, "it burst");
  };
  const auto standing = run_search(job);
  EXPECT_TRUE(standing.finished);
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { standing.winner(); }),
                   {"all 2 trials have failed", "it burst"}));
}

TEST(Search, EqualScoresGoToTheSmallerNumber) {
  const ScratchFolder folder;
  const auto plan =
      plan_of(folder, search_head("trials = 6\nstrategy = \"halving\"\neta = 3") + kRate);
  Claims claims;
  SearchJob job = job_of(plan, folder / "out", claims);
  job.train = [](const Trial& trial, int64_t, int64_t, const fs::path&, const Claim&) {
    return FoldOutcome{trial.number < 2 ? 0.1 : 0.5, 1, 1, ""};
  };
  const auto standing = run_search(job);
  EXPECT_EQ(standing.members[1], (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(standing.winner(), 2);
}

TEST(Search, FailedTrialsDoNotGoOnEvenWhereThereIsRoom) {
  const ScratchFolder folder;
  const auto plan =
      plan_of(folder, search_head("trials = 6\nstrategy = \"halving\"\neta = 2") + kRate);
  Claims claims;
  SearchJob job = job_of(plan, folder / "out", claims);
  job.train = [](const Trial& trial, int64_t, int64_t, const fs::path&, const Claim&) {
    if (trial.number != 4) fail(ErrorKind::recipe, "it burst");
    return FoldOutcome{0.5, 1, 1, ""};
  };
  const auto standing = run_search(job);
  EXPECT_EQ(standing.members[1], (std::vector<int64_t>{4}));
  EXPECT_EQ(standing.winner(), 4);
}

TEST(Search, AFolderHoldsOneSearch) {
  const ScratchFolder folder;
  const auto plan = plan_of(folder, search_head("trials = 2") + kRate);
  begin_search(plan, folder / "out", {"data 1"});
  EXPECT_NO_THROW(begin_search(plan, folder / "out", {"data 1"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [&] { begin_search(plan, folder / "out", {"data 2"}); }),
           {"holds another search", "data 2", "choose another folder"}));
  const auto other = plan_of(folder, search_head("trials = 2\nseed = 5") + kRate);
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [&] { begin_search(other, folder / "out", {"data 1"}); }),
           {"train.learning_rate="}));
  write_file(trial_folder(folder / "out", 0, 0) / "rung_0.json", "{");
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { search_standing(plan, folder / "out"); }),
                   {"trials/000/fold_0/rung_0.json", "remove it"}));
}

TEST(Search, AScoreIsTheBestOfTheRungsEpochs) {
  std::vector<EpochDone> history(3);
  for (int64_t i = 0; i < 3; ++i) {
    history[static_cast<size_t>(i)].epoch = i + 1;
    history[static_cast<size_t>(i)].seconds = 2;
  }
  history[0].monitor = 0.4;
  history[1].monitor = 0.3;
  history[2].monitor = 0.9;
  EXPECT_EQ(outcome_of(history, 2).score, 0.4);
  EXPECT_EQ(outcome_of(history, 2).best_epoch, 1);
  EXPECT_EQ(outcome_of(history, 2).seconds, 4);
  EXPECT_EQ(outcome_of(history, 3).score, 0.9);
  EXPECT_TRUE(
      says(complaint(ErrorKind::checkpoint, [] { outcome_of({}, 2); }), {"without an epoch"}));
}

}  // namespace
}  // namespace groundglass
