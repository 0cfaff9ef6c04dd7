#include <chrono>
#include <iostream>
#include <set>

#include <ATen/Parallel.h>

#include "groundglass/cli/verbs.h"
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

struct SearchArguments {
  std::string file, data, output;
  bool test = false;
};

std::string command_of(const SearchArguments& a, const Context& context) {
  std::string text = "groundglass search " + a.file + " --data " + a.data;
  for (const auto& set : context.overrides) text += " --set '" + set + "'";
  if (context.seed >= 0) text += " --seed " + std::to_string(context.seed);
  if (context.precision != "auto") text += " --precision " + context.precision;
  if (a.test) text += " --test";
  return text + " -o " + a.output;
}

/// A search as one process runs it: its sets, its trials, and what it says meanwhile.
class Searcher {
 public:
  Searcher(const SearchArguments& a, const Context& context, SearchPlan plan)
      : arguments_(a),
        context_(context),
        plan_(std::move(plan)),
        settings_(run_settings(context)),
        console_(console_observer(context)) {}

  /// Prepares what is to be prepared, trains, and leaves the tables in the folder.
  void run() {
    open_sets();
    begin_search(plan_, arguments_.output, surroundings());
    before_ = epochs_done(plan_, search_standing(plan_, arguments_.output));
    const SearchJob job = {
        &plan_,
        arguments_.output,
        trial_trainer(data_of(), settings_.engine, *console_),
        &claims_,
        [this](const SearchStanding& standing) { tell(standing); },
        [this](size_t others) {
          say("waiting for " + std::to_string(others) + " trainings of other processes");
        }};
    standing_ = run_search(job);
    write(standing_);
    write_file(fs::path(arguments_.output) / "best.toml", best_recipe_text(plan_, standing_));
    if (arguments_.test) test_winner();
    write(standing_);
  }

  void print() const {
    if (context_.json) return print_json(document(standing_));
    std::cout << search_table(plan_, standing_).trials.markdown();
    if (const auto test = winner_table()) std::cout << "\n" << test->scores.markdown();
  }

 private:
  fs::path set_folder(const Recipe& recipe) const {
    return shared_set_folder(recipe, arguments_.output).path();
  }

  void open_sets() {
    std::set<std::string> checked;
    for (const auto& trial : plan_.trials) {
      const fs::path folder = set_folder(trial.recipe);
      auto& set = sets_[folder];
      if (set == nullptr) set = std::make_unique<PreparedSet>(prepared(trial.recipe, folder));
      if (checked.insert(folder.string() + trial.recipe.model.name + trial.recipe.model.fields)
              .second) {
        check_set_fits(trial.recipe, *set);
      }
    }
  }

  /// One process prepares, the others wait for it.
  fs::path prepared(const Recipe& recipe, const fs::path& folder) {
    if (is_dataset(arguments_.data)) {
      const fs::path path = RunFolder(folder).prepared_set();
      do_shared({{folder / "claim", [path] { return fs::exists(path); },
                  [&](const Claim&) {
                    prepared_path(arguments_.data, folder, recipe, settings_, *console_);
                  }}},
                claims_,
                [this](size_t) { say("waiting for the prepared set of another process"); });
    }
    return prepared_path(arguments_.data, folder, recipe, settings_, *console_);
  }

  const PreparedSet& set_of(const Recipe& recipe) const { return *sets_.at(set_folder(recipe)); }

  std::function<TrialData(const Recipe&, int64_t)> data_of() const {
    return [this](const Recipe& recipe, int64_t fold) -> TrialData {
      const PreparedSet& set = set_of(recipe);
      return {&set, splits_of(recipe, set).at(static_cast<size_t>(fold))};
    };
  }

  /// What all processes of a search must have in common, so that its scores can be compared.
  std::vector<std::string> surroundings() const {
    std::vector<std::string> lines = {
        std::string("precision ") +
        (settings_.engine.precision == torch::kBFloat16 ? "bf16" : "fp32; give --precision alike")};
    for (const auto& [folder, set] : sets_) {
      const auto& header = set->header();
      lines.push_back("data " + sha256(header.fingerprint + header.preprocess).substr(0, 16) +
                      ", rows " + std::to_string(set->size()));
    }
    return lines;
  }

  void say(const std::string& line) const {
    if (!context_.quiet) std::cerr << line << std::endl;
  }

  /// After each training of ours: the tables so far, and how long the rest may take. The rate is
  /// that of all processes together since this one began.
  void tell(const SearchStanding& standing) {
    write(standing);
    const int64_t done = epochs_done(plan_, standing), all = plan_.epochs();
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
    say(line);
  }

  std::vector<fs::path> winner_folders() const {
    std::vector<fs::path> folders;
    for (const int64_t fold : plan_.file.options.folds) {
      folders.push_back(trial_folder(arguments_.output, standing_.winner(), fold));
    }
    return folders;
  }

  /// Scores the winner on its test rows, once: a later call reads test.json.
  void test_winner() {
    const auto& best = standing_.trials[static_cast<size_t>(standing_.winner())];
    if (best.rungs.size() < plan_.rungs.size()) {
      console_->on(Warning{"no trial has come to the end of the last rung, so none is tested"});
      return;
    }
    const Recipe& recipe = plan_.trials[static_cast<size_t>(best.number)].recipe;
    std::vector<SharedPiece> pieces;
    const auto folders = winner_folders();
    for (size_t i = 0; i < folders.size(); ++i) {
      const fs::path folder = folders[i], result = RunFolder(folder).test_scores();
      const TrialData data = data_of()(recipe, plan_.file.options.folds[i]);
      pieces.push_back(
          {folder / "claim", [result] { return fs::exists(result); },
           [this, folder, data, &recipe](const Claim&) {
             train_fold({folder, recipe, data.set, data.split, settings_.engine}, *console_);
           }});
    }
    do_shared(pieces, claims_);
  }

  /// The winner's test scores, if they were asked for, now or earlier.
  std::optional<StudyTable> winner_table() const {
    const auto& ranking = standing_.ranking;
    if (!standing_.finished || standing_.trials[static_cast<size_t>(ranking.front())].failed()) {
      return {};
    }
    StudyRow row;
    row.name = "trial " + std::to_string(ranking.front());
    const auto folders = winner_folders();
    for (size_t i = 0; i < folders.size(); ++i) {
      if (!fs::exists(folders[i] / "test.json")) return {};
      row.folds.push_back(read_fold_scores(folders[i] / "test.json"));
      row.folds.back().fold = plan_.file.options.folds[i];
    }
    const Recipe& recipe = plan_.trials[static_cast<size_t>(ranking.front())].recipe;
    row.parameters = count_parameters(*recipe.model.make()).trainable;
    return study_table({row});
  }

  std::string caption() const {
    const SearchOptions& o = plan_.file.options;
    std::vector<std::string> folds;
    for (const int64_t fold : o.folds) folds.push_back(std::to_string(fold));
    return "Split mode " + plan_.recipe().split.mode + ", fold " + listed(folds) + " of " +
           std::to_string(plan_.recipe().split.folds) + ". Command `" +
           command_of(arguments_, context_) + "`, commit " + commit() + ", " + cpu_name() + ", " +
           std::to_string(at::get_num_threads()) + " threads. " + std::to_string(o.trials) +
           " trials, strategy " + o.strategy + ", " + std::to_string(plan_.epochs()) +
           " epochs in all. A trial's score is the highest " + plan_.recipe().train.monitor +
           " of its epochs on the validation rows; no test row was looked at for it." +
           (o.caption.empty() ? "" : " " + o.caption);
  }

  nlohmann::ordered_json document(const SearchStanding& standing) const {
    auto json = search_table(plan_, standing).json;
    json["caption"] = caption();
    json["test"] = nullptr;
    if (const auto test = winner_table()) json["test"] = test->json["rows"][0];
    return json;
  }

  void write(const SearchStanding& standing) const {
    const fs::path out = arguments_.output;
    const SearchTable table = search_table(plan_, standing);
    const auto test = winner_table();
    const std::string tested =
        "The winner on the test rows, scored once, after the search. The highest of several "
        "validation scores is too high a guess of this.";
    write_file(out / "search.csv", table.trials.csv());
    write_file(out / "search.json", document(standing).dump(1) + "\n");
    write_file(out / "search.md",
               "# " + plan_.file.options.title + "\n\n" + caption() + "\n\n" +
                   table.trials.markdown() + "\n" + table.rungs.markdown() +
                   (test ? "\n" + tested + "\n\n" + test->scores.markdown() : ""));
    HtmlPage page(plan_.file.options.title);
    page.paragraph(caption());
    page.table(table.trials.head, table.trials.rows);
    page.table(table.rungs.head, table.rungs.rows);
    if (test) {
      page.heading("Test");
      page.paragraph(tested);
      page.table(test->scores.head, test->scores.rows);
    }
    write_file(out / "search.html", page.text());
  }

  const SearchArguments& arguments_;
  const Context& context_;
  const SearchPlan plan_;
  const RunSettings settings_;
  const std::unique_ptr<Observer> console_;
  Claims claims_;
  std::map<fs::path, std::unique_ptr<PreparedSet>> sets_;
  SearchStanding standing_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  int64_t before_ = 0;  ///< epochs that were done when this process began
};

void run_search_verb(const SearchArguments& a, const Context& context) {
  SearchPlan plan = search_plan(read_search(a.file), context.overrides, context.seed);
  make_folder(a.output);
  Searcher searcher(a, context, std::move(plan));
  try {
    searcher.run();
  } catch (const Stopped& e) {
    throw Stopped(stop_signal(), "stopped; the same command goes on in " + a.output);
  }
  searcher.print();
}

}  // namespace

void add_search(CLI::App& app, Context& context) {
  auto a = std::make_shared<SearchArguments>();
  auto* verb = add_verb(app, context, "search",
                        "hyper-parameters of a recipe: random search or successive halving",
                        [a, &context] { run_search_verb(*a, context); });
  verb->add_option("search", a->file, "TOML file; see recipes/searches")->required();
  verb->add_option("--data", a->data, "data set, or prepared set")->required();
  verb->add_option(
          "-o,--output", a->output,
          "folder; the same command goes on in it, and may run in it several times at once")
      ->required();
  verb->add_flag("--test", a->test, "at the end score the best trial on its test rows, once");
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
