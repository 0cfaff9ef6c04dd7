#include <atomic>
#include <cmath>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/runs/search_table.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

const std::string kSearchRecipe = R"([preprocess]
window_hu = [-1000, 400]
size = [32, 32]
[model]
name = "unet"
widths = [4, 8]
[loss]
terms = [{name = "dice"}]
[train]
epochs = 9
)";
const std::string kRate = R"([[parameter]]
key = "train.learning_rate"
low = 1e-4
high = 1e-1
scale = "log"
)";
const std::string kLosses = R"([[parameter]]
key = "loss.terms"
values = [[{name = "dice"}], [{name = "cross_entropy", weight = 0.5}, {name = "dice"}]]
labels = ["Dice", "CE and Dice"]
)";

std::string head(const std::string& more = "") {
  return "[search]\ntitle = \"t\"\nrecipe = \"r.toml\"\n" + more + "\n";
}

SearchFile search_of(const ScratchFolder& folder, const std::string& text) {
  write_file(folder / "r.toml", kSearchRecipe);
  write_file(folder / "s.toml", text);
  return read_search(folder / "s.toml");
}

SearchPlan plan_of(const ScratchFolder& folder, const std::string& text) {
  return search_plan(search_of(folder, text), {}, -1);
}

std::string refusal_of_search(const std::string& text,
                              const std::vector<std::string>& overrides = {},
                              ErrorKind kind = ErrorKind::recipe) {
  const ScratchFolder folder;
  return complaint(kind, [&] { search_plan(search_of(folder, text), overrides, -1); });
}

TEST(SearchFile, IsRefusedWithThePlace) {
  EXPECT_TRUE(says(refusal_of_search("[search\n"), {"s.toml:1:"}));
  EXPECT_TRUE(says(refusal_of_search("[model]\n"), {"s.toml:1", "unknown section 'model'"}));
  EXPECT_TRUE(says(refusal_of_search(kRate), {"no [search]", "train"}));
  EXPECT_TRUE(
      says(refusal_of_search(head("trails = 3") + kRate), {"s.toml:4", "trails", "'trials'"}));
  EXPECT_TRUE(says(refusal_of_search(head("strategy = \"grid\"") + kRate),
                   {"s.toml:4:12", "grid", "halving"}));
  EXPECT_TRUE(
      says(refusal_of_search(head("first = \"best\"") + kRate), {"s.toml:4:9", "best", "drawn"}));
  EXPECT_TRUE(says(refusal_of_search(head("folds = []") + kRate), {"s.toml:1", "folds are none"}));
  EXPECT_TRUE(says(refusal_of_search(head("folds = [1, 1]") + kRate), {"s.toml:1", "twice"}));
  EXPECT_TRUE(
      says(refusal_of_search(head("folds = [5]") + kRate), {"s.toml:1", "holds 5", "0 to 4"}));
  EXPECT_TRUE(says(refusal_of_search("[search]\nrecipe = \"no.toml\"\n" + kRate), {"no.toml"}));
  EXPECT_TRUE(says(refusal_of_search(head()), {"no [[parameter]]"}));
  EXPECT_TRUE(says(refusal_of_search(head() + kRate + kRate), {"s.toml:10", "two parameters"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { read_search("nowhere.toml"); }),
                   {"nowhere.toml", "recipes/searches"}));
}

TEST(SearchFile, ParametersAreRefusedWithThePlace) {
  const auto with = [](const std::string& lines) {
    return refusal_of_search(head() + "[[parameter]]\n" + lines + "\n");
  };
  const std::string rate = "key = \"train.learning_rate\"\n";
  EXPECT_TRUE(says(with("low = 1"), {"s.toml:5", "no key"}));
  EXPECT_TRUE(says(with(rate), {"s.toml:5", "either low and high, or values"}));
  EXPECT_TRUE(says(with(rate + "low = 1"), {"either low and high, or values"}));
  EXPECT_TRUE(says(with(rate + "low = 1\nhigh = 2\nvalues = [1]"), {"either low and high"}));
  EXPECT_TRUE(says(with(rate + "low = 2\nhigh = 1"), {"low below high"}));
  EXPECT_TRUE(says(with(rate + "low = 0\nhigh = 1\nscale = \"log\""), {"above 0"}));
  EXPECT_TRUE(says(with(rate + "low = 0.5\nhigh = 3\ninteger = true"), {"whole numbers"}));
  EXPECT_TRUE(says(with(rate + "low = 1\nhigh = 3\nscale = \"cubic\""), {"s.toml:9", "cubic"}));
  EXPECT_TRUE(says(with(rate + "lo = 1\nhigh = 3"), {"s.toml:7", "'lo'", "did you mean 'low'"}));
  EXPECT_TRUE(says(with(rate + "values = []"), {"s.toml:7", "values is no list"}));
  EXPECT_TRUE(says(with(rate + "values = [1, 2]\nlabels = [\"a\"]"), {"s.toml:8", "(2)"}));
  EXPECT_TRUE(says(with(rate + "low = 1\nhigh = 2\nlabels = [\"a\"]"), {"labels are of values"}));
  EXPECT_TRUE(says(with(rate + "values = [2026-01-01]"), {"s.toml:7", "a date"}));
  EXPECT_TRUE(says(with("key = \"model\"\nvalues = [1]"), {"s.toml:7", "is a section", "table"}));
  EXPECT_TRUE(says(with("key = \"model\"\nlow = 1\nhigh = 2"), {"s.toml:5", "is a section"}));
  for (const char* key : {"train.epochs", "split.seed", "data.mask", "train.monitor"}) {
    EXPECT_TRUE(says(with("key = \"" + std::string(key) + "\"\nlow = 1\nhigh = 2"),
                     {key, "cannot be searched"}));
  }
}

TEST(SearchPlan, AWrongKeyOrValueIsRefusedWhereItStands) {
  const std::string wrong = "[[parameter]]\nkey = \"train.learning_rat\"\nlow = 1\nhigh = 2\n";
  EXPECT_TRUE(says(refusal_of_search(head() + kRate + wrong),
                   {"s.toml:11:7", "'learning_rat'", "did you mean 'learning_rate'?"}));
  const std::string range = "[[parameter]]\nkey = \"train.batch_size\"\nvalues = [4, 0]\n";
  EXPECT_TRUE(says(refusal_of_search(head() + range), {"s.toml:6:7", "'batch_size' is 0"}));
  const std::string model = "[[parameter]]\nkey = \"model\"\nvalues = [{nam = \"unet\"}]\n";
  EXPECT_TRUE(says(refusal_of_search(head() + model), {"s.toml:6:7", "unknown key 'nam'"}));
  EXPECT_TRUE(says(refusal_of_search(head("set = ['train.batchsize=3']") + kRate),
                   {"s.toml:1:1", "set: unknown key 'batchsize'"}));
  const std::string other = "[[parameter]]\nkey = \"model.name\"\nvalues = [\"inf_net\"]\n";
  EXPECT_TRUE(says(refusal_of_search(head() + other),
                   {"s.toml: trial 0", "inf_net", "r.toml:6", "widths"}));
}

TEST(SearchPlan, WhatCannotBeComparedIsRefused) {
  EXPECT_TRUE(says(refusal_of_search(head("set = ['train.monitor=last']") + kRate),
                   {"'last'", "no score"}));
  EXPECT_TRUE(says(refusal_of_search(head("strategy = \"halving\"\nmin_epochs = 10") + kRate),
                   {"s.toml:1", "min_epochs is 10", "has 9"}));
  EXPECT_TRUE(says(refusal_of_search(head("set = ['train.learning_rate=1']") + kRate),
                   {"s.toml:1", "is searched"}));
  EXPECT_TRUE(
      says(refusal_of_search(head("set = ['train.epochs=2']") + kRate), {"[search] epochs"}));
  EXPECT_TRUE(says(refusal_of_search(head() + kRate, {"train.learning_rate=1"}, ErrorKind::usage),
                   {"--set", "is searched"}));
  EXPECT_TRUE(
      says(refusal_of_search(head() + kRate, {"train.sead=1"}), {"--set train.sead", "'seed'"}));
  const ScratchFolder folder;
  write_file(folder / "s.toml", head() + kRate);
  write_file(folder / "r.toml", "[labels]\nnames = [\"a\", \"b\"]\n");
  EXPECT_TRUE(says(
      complaint(ErrorKind::recipe, [&] { search_plan(read_search(folder / "s.toml"), {}, -1); }),
      {"classifier", "recipes that segment"}));
  write_file(folder / "r.toml",
             "[model]\nname = \"chs_net\"\n[cascade]\n[loss]\nterms = [{name = \"dice\"}]\n");
  EXPECT_TRUE(says(
      complaint(ErrorKind::recipe, [&] { search_plan(read_search(folder / "s.toml"), {}, -1); }),
      {"[cascade]", "one by one"}));
}

TEST(SearchPlan, DrawsComeFromSeedTrialAndKeyAlone) {
  const ScratchFolder folder;
  const auto few = plan_of(folder, head("trials = 4") + kRate);
  const auto many = plan_of(folder, head("trials = 40") + kLosses + kRate);
  std::set<std::string> labels;
  for (size_t i = 0; i < many.trials.size(); ++i) {
    const auto& value = many.trials[i].values[1];
    if (i < few.trials.size()) {
      EXPECT_EQ(few.trials[i].values[0].label, value.label);
    }
    labels.insert(value.label);
    EXPECT_EQ(shortest(many.trials[i].recipe.train.learning_rate), value.label);
    EXPECT_GE(many.trials[i].recipe.train.learning_rate, 1e-4);
    EXPECT_LE(many.trials[i].recipe.train.learning_rate, 1e-1);
  }
  EXPECT_EQ(labels.size(), 40U);
  const auto other = plan_of(folder, head("trials = 4\nseed = 2") + kRate);
  EXPECT_NE(other.trials[0].values[0].label, few.trials[0].values[0].label);
}

TEST(SearchPlan, DrawsAreEvenOnTheirScale) {
  const ScratchFolder folder;
  const std::string whole =
      "[[parameter]]\nkey = \"train.batch_size\"\nlow = 2\nhigh = 5\ninteger = true\n";
  const std::string line = "[[parameter]]\nkey = \"augment.noise\"\nlow = 0\nhigh = 0.5\n";
  const auto plan = plan_of(folder, head("trials = 400") + kRate + whole + line);
  int64_t below = 0, low_half = 0;
  std::map<int64_t, int64_t> sizes;
  for (const auto& trial : plan.trials) {
    if (trial.recipe.train.learning_rate < 1e-3) ++below;  // a third of log 1e-4 .. 1e-1
    if (trial.recipe.augment.noise < 0.25) ++low_half;
    ++sizes[trial.recipe.train.batch_size];
    EXPECT_LE(trial.values[2].label.size(), 9U) << trial.values[2].label;  // four digits
  }
  EXPECT_NEAR(static_cast<double>(below), 133, 40);
  EXPECT_NEAR(static_cast<double>(low_half), 200, 40);
  ASSERT_EQ(sizes.size(), 4U);
  for (const auto& [size, count] : sizes) EXPECT_NEAR(static_cast<double>(count), 100, 40) << size;
}

TEST(SearchPlan, ValuesAreDealtEvenly) {
  const ScratchFolder folder;
  const auto plan = plan_of(folder, head("trials = 6") + kLosses);
  for (size_t i = 0; i < 6; i += 2) {
    EXPECT_NE(plan.trials[i].values[0].label, plan.trials[i + 1].values[0].label);
    for (const size_t t : {i, i + 1}) {
      EXPECT_EQ(plan.trials[t].recipe.loss.size(),
                plan.trials[t].values[0].label == "Dice" ? 1U : 2U);
    }
  }
}

TEST(SearchPlan, ASectionsValuesAndTheRecipeItself) {
  const ScratchFolder folder;
  const std::string model =
      "[[parameter]]\nkey = \"model\"\nvalues = [{name = \"unet\", widths = [2, 4]}, "
      "{name = \"attention_unet\", widths = [4, 4, 8]}]\n";
  const auto plan = plan_of(folder, head("trials = 3\nfirst = \"recipe\"") + model);
  EXPECT_TRUE(plan.trials[0].values.empty());
  EXPECT_TRUE(says(plan.trials[0].recipe.model.fields, {"[4, 8]"}));
  std::set<std::string> names;
  for (const auto& trial : plan.trials) names.insert(trial.recipe.model.name);
  EXPECT_EQ(names.size(), 2U);
  const auto again = search_plan(search_of(folder, head("epochs = 3") + kRate), {}, 77);
  EXPECT_EQ(again.recipe().train.epochs, 3);
  EXPECT_EQ(again.recipe().train.seed, 77);
}

TEST(SearchRungs, AreThoseOfSuccessiveHalving) {
  SearchFile file;
  file.options.strategy = Strategy::halving;
  file.options.trials = 27;
  const auto text = [&](int64_t epochs) {
    std::string line;
    for (const auto& rung : search_rungs(file, epochs)) {
      line += std::to_string(rung.trials) + "x" + std::to_string(rung.epochs) + " ";
    }
    return line;
  };
  EXPECT_EQ(text(27), "27x1 9x3 3x9 1x27 ");  // the first bracket of Hyperband with R = 27
  EXPECT_EQ(text(20), "27x1 9x3 3x9 1x20 ");
  file.options.min_epochs = 3;
  EXPECT_EQ(text(27), "27x3 9x9 3x27 ");
  file.options.trials = 5;
  file.options.eta = 2;
  EXPECT_EQ(text(12), "5x3 2x6 1x12 ");
  EXPECT_EQ(text(3), "5x3 ");
  file.options.strategy = Strategy::random;
  EXPECT_EQ(text(12), "5x12 ");
}

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
  const auto plan = plan_of(folder, head(kHalving) + kRate);
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
  const auto plan = plan_of(folder, head(kHalving) + kRate);
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
  const auto plan = plan_of(folder, head("trials = 2") + kRate);
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
  const auto plan = plan_of(folder, head("trials = 2") + kRate);
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
  const auto plan = plan_of(folder, head("trials = 6\nstrategy = \"halving\"\neta = 3") + kRate);
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
  const auto plan = plan_of(folder, head("trials = 6\nstrategy = \"halving\"\neta = 2") + kRate);
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
  const auto plan = plan_of(folder, head("trials = 2") + kRate);
  begin_search(plan, folder / "out", {"data 1"});
  EXPECT_NO_THROW(begin_search(plan, folder / "out", {"data 1"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [&] { begin_search(plan, folder / "out", {"data 2"}); }),
           {"holds another search", "data 2", "choose another folder"}));
  const auto other = plan_of(folder, head("trials = 2\nseed = 5") + kRate);
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

TEST(ShippedSearches, ReadWithAllTheirTrials) {
  const fs::path folder = fs::path(GROUNDGLASS_SOURCE_DIR) / "recipes/searches";
  int64_t searches = 0;
  for (const auto& file : fs::directory_iterator(folder)) {
    const auto plan = search_plan(read_search(file.path()), {}, -1);
    EXPECT_FALSE(plan.file.options.title.empty()) << file.path();
    ++searches;
  }
  EXPECT_GE(searches, 2);
}

}  // namespace
}  // namespace groundglass
