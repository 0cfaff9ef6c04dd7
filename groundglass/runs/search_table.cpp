#include "groundglass/runs/search_table.h"

#include "groundglass/core/text.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

std::string epochs_text(int64_t epochs) {
  return std::to_string(epochs) + (epochs == 1 ? " epoch" : " epochs");
}

/// The best epochs of the folds, after the last rung that a trial has finished.
std::vector<int64_t> best_epochs(const TrialStanding& standing) {
  std::vector<int64_t> epochs;
  for (const auto& fold : standing.rungs.back().folds) epochs.push_back(fold.best_epoch);
  return epochs;
}

std::string best_epochs_text(const TrialStanding& standing) {
  std::vector<std::string> words;
  for (const int64_t epoch : best_epochs(standing)) words.push_back(std::to_string(epoch));
  return standing.failed() ? "" : joined(words, ", ");
}

std::vector<std::string> trial_cells(const SearchPlan& plan, const TrialStanding& standing,
                                     size_t rank) {
  const Trial& trial = plan.trials[static_cast<size_t>(standing.number)];
  std::vector<std::string> cells = {std::to_string(rank), std::to_string(trial.number)};
  for (size_t i = 0; i < plan.file.parameters.size(); ++i) {
    cells.push_back(trial.values.empty() ? "recipe's" : trial.values[i].label);
  }
  for (size_t r = 0; r < plan.rungs.size(); ++r) {
    const bool scored = r < standing.rungs.size() && standing.rungs[r].score;
    cells.push_back(scored ? fixed(*standing.rungs[r].score, 4) : "");
  }
  cells.push_back(best_epochs_text(standing));
  cells.push_back(standing.failed() ? "failed: " + standing.failure() : "");
  return cells;
}

ordered_json rung_json(const Rung& rung, const RungOutcome& outcome) {
  ordered_json out = {
      {"epochs", rung.epochs}, {"score", nullptr}, {"folds", ordered_json::array()}};
  if (outcome.score) out["score"] = *outcome.score;
  for (const auto& fold : outcome.folds) {
    ordered_json item = {{"best_epoch", fold.best_epoch}, {"seconds", fold.seconds}};
    item["score"] = fold.failure.empty() ? ordered_json(fold.score) : ordered_json(nullptr);
    out["folds"].push_back(item);
  }
  return out;
}

ordered_json trial_json(const SearchPlan& plan, const TrialStanding& standing, size_t rank) {
  const Trial& trial = plan.trials[static_cast<size_t>(standing.number)];
  ordered_json out = {{"rank", rank},
                      {"trial", trial.number},
                      {"status", standing.failed() ? "failed" : "ok"},
                      {"reason", standing.failure()},
                      {"score", nullptr}};
  if (standing.rungs.back().score) out["score"] = *standing.rungs.back().score;
  out["values"] = ordered_json::object();
  out["overrides"] = ordered_json::array();
  for (size_t i = 0; i < trial.values.size(); ++i) {
    out["values"][plan.file.parameters[i].key] = trial.values[i].label;
    for (const auto& text : trial.values[i].overrides) out["overrides"].push_back(text);
  }
  for (size_t r = 0; r < standing.rungs.size(); ++r) {
    out["rungs"].push_back(rung_json(plan.rungs[r], standing.rungs[r]));
  }
  return out;
}

/// One rung's line: how many came in, how many fell out by failing, and the best score.
std::vector<std::string> rung_cells(const SearchPlan& plan, const SearchStanding& standing,
                                    size_t r) {
  int64_t failed = 0;
  std::optional<double> best;
  for (const int64_t number : standing.members[r]) {
    const auto& trial = standing.trials[static_cast<size_t>(number)];
    if (trial.rungs.size() <= r) continue;
    const auto score = trial.rungs[r].score;
    if (!score) ++failed;
    if (score && (!best || *score > *best)) best = score;
  }
  return {std::to_string(plan.rungs[r].epochs), std::to_string(standing.members[r].size()),
          std::to_string(failed), best ? fixed(*best, 4) : ""};
}

}  // namespace

SearchTable search_table(const SearchPlan& plan, const SearchStanding& standing) {
  SearchTable table;
  table.trials.head = {"rank", "trial"};
  for (const auto& p : plan.file.parameters) table.trials.head.push_back(p.key);
  for (const auto& rung : plan.rungs) table.trials.head.push_back(epochs_text(rung.epochs));
  table.trials.head.insert(table.trials.head.end(), {"best epoch", "note"});
  table.rungs.head = {"epochs", "trials", "failed", "best score"};
  table.json = {{"title", plan.file.options.title},
                {"strategy", word_of(plan.file.options.strategy)},
                {"monitor", word_of(plan.recipe().train.monitor)},
                {"folds", plan.file.options.folds},
                {"epochs_planned", plan.epochs()},
                {"epochs_done", epochs_done(plan, standing)},
                {"finished", standing.finished},
                {"trials", ordered_json::array()}};
  for (size_t i = 0; i < standing.ranking.size(); ++i) {
    const auto& trial = standing.trials[static_cast<size_t>(standing.ranking[i])];
    table.trials.rows.push_back(trial_cells(plan, trial, i + 1));
    table.json["trials"].push_back(trial_json(plan, trial, i + 1));
  }
  for (size_t r = 0; r < standing.members.size(); ++r) {
    table.rungs.rows.push_back(rung_cells(plan, standing, r));
  }
  return table;
}

std::string best_recipe_text(const SearchPlan& plan, const SearchStanding& standing) {
  const auto number = static_cast<size_t>(standing.winner());
  const auto& best = standing.trials[number];
  return "# Trial " + std::to_string(number) + " of " + std::to_string(plan.trials.size()) +
         " of the search '" + plan.file.options.title +
         "': " + word_of(plan.recipe().train.monitor) + " " + fixed(*best.rungs.back().score, 4) +
         " on the validation rows.\n\n" + plan.trials[number].recipe.resolved();
}

int64_t epochs_done(const SearchPlan& plan, const SearchStanding& standing) {
  int64_t sum = 0;
  for (const auto& trial : standing.trials) {
    if (!trial.rungs.empty()) sum += plan.rungs[trial.rungs.size() - 1].epochs;
  }
  return sum * static_cast<int64_t>(plan.file.options.folds.size());
}

}  // namespace groundglass
