#include "groundglass/runs/search.h"

#include <set>

#include <ATen/Parallel.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/data/dataset.h"
#include "groundglass/report/html_page.h"
#include "groundglass/runs/search_table.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kTested =
    "The winner on the test rows, scored once, after the search. The highest of several "
    "validation scores is too high a guess of this.";

void write_search_page(const fs::path& path, const std::string& title, const std::string& caption,
                       const SearchTable& table, const std::optional<StudyTable>& test) {
  HtmlPage page(title);
  page.paragraph(caption);
  page.table(table.trials.head, table.trials.rows);
  page.table(table.rungs.head, table.rungs.rows);
  if (test) {
    page.heading("Test");
    page.paragraph(kTested);
    page.table(test->scores.head, test->scores.rows);
  }
  write_file(path, page.text());
}

}  // namespace

Search::Search(SearchCall call, Observer& observer) : call_(std::move(call)), observer_(observer) {}

void Search::run() {
  open_sets();
  begin_search(call_.plan, call_.output, surroundings());
  before_ = epochs_done(call_.plan, search_standing(call_.plan, call_.output));
  const auto data = [this](const Recipe& recipe, int64_t fold) { return data_of(recipe, fold); };
  const SearchJob job = {&call_.plan,
                         call_.output,
                         trial_trainer(data, call_.settings.engine, observer_),
                         &claims_,
                         [this](const SearchStanding& standing) { tell(standing); },
                         [this](size_t others) {
                           observer_.on(Note{"waiting for " + std::to_string(others) +
                                             " trainings of other processes"});
                         }};
  standing_ = run_search(job);
  write(standing_);
  write_file(call_.output / "best.toml", best_recipe_text(call_.plan, standing_));
  if (call_.test) test_winner();
  write(standing_);
}

std::string Search::markdown() const {
  const auto test = winner_table();
  return search_table(call_.plan, standing_).trials.markdown() +
         (test ? "\n" + test->scores.markdown() : "");
}

nlohmann::ordered_json Search::document() const {
  return document(standing_);
}

fs::path Search::set_folder(const Recipe& recipe) const {
  return shared_set_folder(recipe, call_.output).path();
}

void Search::open_sets() {
  std::set<std::string> checked;
  for (const auto& trial : call_.plan.trials) {
    const fs::path folder = set_folder(trial.recipe);
    auto& set = sets_[folder];
    if (set == nullptr) set = std::make_unique<PreparedSet>(prepared(trial.recipe, folder));
    const std::string kind = folder.string() + trial.recipe.model.name + trial.recipe.model.fields;
    if (checked.insert(kind).second) check_set_fits(trial.recipe, *set);
  }
}

/// One process prepares, the others wait for it.
fs::path Search::prepared(const Recipe& recipe, const RunFolder& folder) {
  const auto find = [&] {
    return prepared_path(call_.data, folder, recipe, call_.settings, observer_);
  };
  if (is_dataset(call_.data)) {
    const fs::path path = folder.prepared_set();
    do_shared({{folder.path() / "claim", [path] { return fs::exists(path); },
                [&](const Claim&) { find(); }}},
              claims_, [this](size_t) {
                observer_.on(Note{"waiting for the prepared set of another process"});
              });
  }
  return find();
}

TrialData Search::data_of(const Recipe& recipe, int64_t fold) const {
  const PreparedSet& set = *sets_.at(set_folder(recipe));
  return {&set, splits_of(recipe, set).at(static_cast<size_t>(fold))};
}

/// What all processes of a search must have in common, so that its scores can be compared.
std::vector<std::string> Search::surroundings() const {
  const bool half = call_.settings.engine.precision == torch::kBFloat16;
  std::vector<std::string> lines = {std::string("precision ") +
                                    (half ? "bf16" : "fp32; give --precision alike")};
  for (const auto& [folder, set] : sets_) {
    const auto& header = set->header();
    lines.push_back("data " + sha256(header.fingerprint + header.preprocess).substr(0, 16) +
                    ", rows " + std::to_string(set->size()));
  }
  return lines;
}

/// After each training of ours: the tables so far, and how long the rest may take. The rate is
/// that of all processes together since this one began.
void Search::tell(const SearchStanding& standing) {
  write(standing);
  const int64_t done = epochs_done(call_.plan, standing), all = call_.plan.epochs();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  std::string line = std::to_string(done) + " of " + std::to_string(all) + " epochs";
  if (!standing.ranking.empty()) {
    const auto& best = standing.trials[static_cast<size_t>(standing.ranking.front())];
    if (!best.failed()) {
      line += ", best so far trial " + std::to_string(best.number) + " with " +
              fixed(*best.rungs.back().score, 4);
    }
  }
  if (done > before_ && done < all) {
    line += ", about " +
            human_seconds(seconds * static_cast<double>(all - done) /
                          static_cast<double>(done - before_)) +
            " to go";
  }
  observer_.on(Note{line});
}

std::vector<RunFolder> Search::winner_folders() const {
  std::vector<RunFolder> folders;
  for (const int64_t fold : call_.plan.file.options.folds) {
    folders.push_back(trial_folder(call_.output, standing_.winner(), fold));
  }
  return folders;
}

/// Scores the winner on its test rows, once: a later call reads test.json.
void Search::test_winner() {
  const auto& best = standing_.trials[static_cast<size_t>(standing_.winner())];
  if (best.rungs.size() < call_.plan.rungs.size()) {
    observer_.on(Warning{"no trial has come to the end of the last rung, so none is tested"});
    return;
  }
  const Recipe& recipe = call_.plan.trials[static_cast<size_t>(best.number)].recipe;
  std::vector<SharedPiece> pieces;
  const auto folders = winner_folders();
  for (size_t i = 0; i < folders.size(); ++i) {
    const TrialData data = data_of(recipe, call_.plan.file.options.folds[i]);
    const FoldJob job = {folders[i], recipe, data.set, data.split, call_.settings.engine};
    pieces.push_back({folders[i].path() / "claim",
                      [result = job.run.test_scores()] { return fs::exists(result); },
                      [this, job](const Claim&) { train_fold(job, observer_); }});
  }
  do_shared(pieces, claims_);
}

/// The winner's test scores, if they were asked for, now or earlier.
std::optional<StudyTable> Search::winner_table() const {
  const auto& ranking = standing_.ranking;
  if (!standing_.finished || standing_.trials[static_cast<size_t>(ranking.front())].failed()) {
    return {};
  }
  StudyRow row;
  row.name = "trial " + std::to_string(ranking.front());
  const auto folders = winner_folders();
  for (size_t i = 0; i < folders.size(); ++i) {
    if (!fs::exists(folders[i].test_scores())) return {};
    row.folds.push_back(read_fold_scores(folders[i].test_scores()));
    row.folds.back().fold = call_.plan.file.options.folds[i];
  }
  const Recipe& recipe = call_.plan.trials[static_cast<size_t>(ranking.front())].recipe;
  row.parameters = count_parameters(*recipe.model.make()).trainable;
  return study_table({row});
}

std::string Search::caption() const {
  const SearchOptions& o = call_.plan.file.options;
  const Recipe& recipe = call_.plan.recipe();
  std::vector<std::string> folds;
  for (const int64_t fold : o.folds) folds.push_back(std::to_string(fold));
  return "Split mode " + word_of(recipe.split.mode) + ", fold " + listed(folds) + " of " +
         std::to_string(recipe.split.folds) + ". Command `" + call_.command + "`, commit " +
         commit() + ", " + cpu_name() + ", " + std::to_string(at::get_num_threads()) +
         " threads. " + std::to_string(o.trials) + " trials, strategy " + word_of(o.strategy) +
         ", " + std::to_string(call_.plan.epochs()) +
         " epochs in all. A trial's score is the highest " + word_of(recipe.train.monitor) +
         " of its epochs on the validation rows; no test row was looked at for it." +
         (o.caption.empty() ? "" : " " + o.caption);
}

nlohmann::ordered_json Search::document(const SearchStanding& standing) const {
  auto table = search_table(call_.plan, standing).json;
  table["caption"] = caption();
  table["test"] = nullptr;
  if (const auto test = winner_table()) table["test"] = test->json["rows"][0];
  return table;
}

void Search::write(const SearchStanding& standing) const {
  const fs::path& out = call_.output;
  const std::string& title = call_.plan.file.options.title;
  const SearchTable table = search_table(call_.plan, standing);
  const auto test = winner_table();
  write_file(out / "search.csv", table.trials.csv());
  write_file(out / "search.json", document(standing).dump(1) + "\n");
  write_file(out / "search.md",
             "# " + title + "\n\n" + caption() + "\n\n" + table.trials.markdown() + "\n" +
                 table.rungs.markdown() +
                 (test ? std::string("\n") + kTested + "\n\n" + test->scores.markdown() : ""));
  write_search_page(out / "search.html", title, caption(), table, test);
}

}  // namespace groundglass
