#include "groundglass/runs/search_run.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

fs::path outcome_path(const fs::path& folder, size_t rung) {
  return folder / ("rung_" + std::to_string(rung) + ".json");
}

void write_outcome(const fs::path& path, const FoldOutcome& o) {
  ordered_json document = {{"score", o.score}, {"best_epoch", o.best_epoch}};
  if (!o.failure.empty()) document = {{"failure", o.failure}};
  document["seconds"] = o.seconds;
  write_file(path, document.dump(1) + "\n");
}

FoldOutcome read_outcome(const fs::path& path) {
  try {
    const auto document = ordered_json::parse(read_file(path));
    FoldOutcome o;
    o.seconds = document.at("seconds");
    if (document.contains("failure")) {
      o.failure = document["failure"];
    } else {
      o.score = document.at("score");
      o.best_epoch = document.at("best_epoch");
    }
    return o;
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::checkpoint, path.string() + ": is no outcome of a trial (" + e.what() +
                                    "); remove it, and the trial is scored again");
  }
}

/// What a trial came to on a rung; nothing as long as a fold is missing.
std::optional<RungOutcome> rung_outcome(const SearchPlan& plan, const fs::path& output,
                                        int64_t trial, size_t rung) {
  RungOutcome outcome;
  double sum = 0;
  bool failed = false;
  for (const int64_t fold : plan.file.options.folds) {
    const auto path = outcome_path(trial_folder(output, trial, fold), rung);
    if (!fs::exists(path)) return {};
    outcome.folds.push_back(read_outcome(path));
    sum += outcome.folds.back().score;
    failed = failed || !outcome.folds.back().failure.empty();
  }
  if (!failed) outcome.score = sum / static_cast<double>(outcome.folds.size());
  return outcome;
}

/// Best first: see SearchStanding::ranking.
void rank(std::vector<int64_t>& numbers, const std::vector<TrialStanding>& trials) {
  const auto better = [&](int64_t left, int64_t right) {
    const auto& a = trials[static_cast<size_t>(left)];
    const auto& b = trials[static_cast<size_t>(right)];
    if (a.failed() != b.failed()) return b.failed();
    if (a.rungs.size() != b.rungs.size()) return a.rungs.size() > b.rungs.size();
    if (!a.failed() && a.rungs.back().score != b.rungs.back().score) {
      return *a.rungs.back().score > *b.rungs.back().score;
    }
    return left < right;
  };
  std::sort(numbers.begin(), numbers.end(), better);
}

/// Those of a finished rung that go on to the next, by number.
std::vector<int64_t> promoted(std::vector<int64_t> members,
                              const std::vector<TrialStanding>& trials, int64_t places) {
  std::erase_if(members, [&](int64_t t) { return trials[static_cast<size_t>(t)].failed(); });
  rank(members, trials);
  members.resize(std::min(members.size(), static_cast<size_t>(places)));
  std::sort(members.begin(), members.end());
  return members;
}

/// The line of `b` that is not in its place in `a`.
std::string first_new_line(const std::string& a, const std::string& b) {
  const auto left = split_text(a, '\n'), right = split_text(b, '\n');
  for (size_t i = 0; i < right.size(); ++i) {
    if (i >= left.size() || left[i] != right[i]) return right[i];
  }
  return "fewer lines";
}

/// Passes on what a training tells, except its epochs, and ends it when its claim is lost.
class TrialObserver final : public Observer {
 public:
  TrialObserver(Observer& observer, const Claim& claim) : observer_(observer), claim_(claim) {}
  void on(const Progress& e) override {
    if (claim_.lost()) throw ClaimLost{};
    observer_.on(e);
  }
  void on(const Warning& e) override { observer_.on(e); }

 private:
  Observer& observer_;
  const Claim& claim_;
};

SharedPiece piece_of(const SearchJob& job, int64_t number, int64_t fold, size_t rung) {
  const fs::path folder = trial_folder(job.output, number, fold);
  const fs::path result = outcome_path(folder, rung);
  SharedPiece piece;
  piece.claim = folder / "claim";
  piece.done = [result] { return fs::exists(result); };
  piece.work = [&job, number, fold, rung, folder, result](const Claim& claim) {
    FoldOutcome outcome;
    try {
      outcome = job.train(job.plan->trials[static_cast<size_t>(number)], fold,
                          job.plan->rungs[rung].epochs, folder, claim);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::recipe) throw;
      outcome.failure = e.what();
    }
    write_outcome(result, outcome);
    if (job.told) job.told(search_standing(*job.plan, job.output));
  };
  return piece;
}

}  // namespace

std::string TrialStanding::failure() const {
  if (!failed()) return "";
  for (const auto& fold : rungs.back().folds) {
    if (!fold.failure.empty()) return fold.failure;
  }
  return "";
}

int64_t SearchStanding::winner() const {
  if (ranking.empty()) fail(ErrorKind::internal, "a search without an outcome has no winner");
  const auto& best = trials[static_cast<size_t>(ranking.front())];
  if (best.failed()) {
    fail(ErrorKind::recipe, "all " + std::to_string(ranking.size()) +
                                " trials have failed, the first because " + best.failure());
  }
  return best.number;
}

fs::path trial_folder(const fs::path& output, int64_t trial, int64_t fold) {
  std::string number = std::to_string(trial);
  number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
  return RunFolder(output / "trials" / number).fold(fold).path();
}

SearchStanding search_standing(const SearchPlan& plan, const fs::path& output) {
  SearchStanding standing;
  std::vector<int64_t> members;
  for (const auto& trial : plan.trials) {
    standing.trials.push_back({trial.number, {}});
    members.push_back(trial.number);
  }
  for (size_t r = 0; r < plan.rungs.size(); ++r) {
    if (r > 0) members = promoted(members, standing.trials, plan.rungs[r].trials);
    standing.members.push_back(members);
    bool ended = true;
    for (const int64_t number : members) {
      const auto outcome = rung_outcome(plan, output, number, r);
      ended = ended && outcome;
      if (outcome) standing.trials[static_cast<size_t>(number)].rungs.push_back(*outcome);
    }
    standing.finished = ended && r + 1 == plan.rungs.size();
    if (!ended) break;
  }
  for (const auto& trial : standing.trials) {
    if (!trial.rungs.empty()) standing.ranking.push_back(trial.number);
  }
  rank(standing.ranking, standing.trials);
  return standing;
}

void begin_search(const SearchPlan& plan, const fs::path& output,
                  const std::vector<std::string>& surroundings) {
  ordered_json document = {{"format", 1},
                           {"strategy", word_of(plan.file.options.strategy)},
                           {"folds", plan.file.options.folds},
                           {"surroundings", surroundings}};
  for (const auto& rung : plan.rungs) {
    document["rungs"].push_back("epochs " + std::to_string(rung.epochs) + ", trials " +
                                std::to_string(rung.trials));
  }
  for (const auto& trial : plan.trials) {
    std::vector<std::string> words;
    for (const auto& value : trial.values) words.push_back(joined(value.overrides, ", "));
    document["trials"].push_back(joined(words, ", ") + "; recipe " +
                                 sha256(trial.recipe.resolved()).substr(0, 16));
  }
  const std::string text = document.dump(1) + "\n";
  const fs::path path = output / "plan.json";
  if (!fs::exists(path)) write_file(path, text);
  const std::string held = read_file(path);
  if (held != text) {
    fail(ErrorKind::usage, output.string() + ": holds another search (now: " +
                               first_new_line(held, text) + "); choose another folder");
  }
}

SearchStanding run_search(const SearchJob& job) {
  for (size_t r = 0; r < job.plan->rungs.size(); ++r) {
    const SearchStanding standing = search_standing(*job.plan, job.output);
    std::vector<SharedPiece> pieces;
    for (const int64_t number : standing.members[r]) {
      for (const int64_t fold : job.plan->file.options.folds) {
        pieces.push_back(piece_of(job, number, fold, r));
      }
    }
    do_shared(pieces, *job.claims, job.waiting);
  }
  return search_standing(*job.plan, job.output);
}

FoldOutcome outcome_of(const std::vector<EpochDone>& history, int64_t epochs) {
  FoldOutcome outcome;
  for (const auto& e : history) {
    if (e.epoch > epochs) break;
    outcome.seconds += e.seconds;
    if (outcome.best_epoch == 0 || e.monitor > outcome.score) {
      outcome.score = e.monitor;
      outcome.best_epoch = e.epoch;
    }
  }
  if (outcome.best_epoch == 0) {
    fail(ErrorKind::checkpoint, "a trial has ended without an epoch; remove its folder");
  }
  return outcome;
}

TrainTrial trial_trainer(std::function<TrialData(const Recipe&, int64_t)> data_of,
                         const Engine& engine, Observer& observer) {
  return [data_of = std::move(data_of), engine, &observer](const Trial& trial, int64_t fold,
                                                           int64_t epochs, const fs::path& folder,
                                                           const Claim& claim) {
    const TrialData data = data_of(trial.recipe, fold);
    TrialObserver watched(observer, claim);
    return outcome_of(
        train_epochs({folder, trial.recipe, data.set, data.split, engine}, epochs, watched),
        epochs);
  };
}

}  // namespace groundglass
