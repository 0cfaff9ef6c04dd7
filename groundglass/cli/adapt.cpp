#include <iostream>

#include "groundglass/cli/ranks.h"
#include "groundglass/cli/verbs.h"
#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/team.h"
#include "groundglass/runs/adaptation.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/runs/training_run.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

struct AdaptArguments {
  std::string run, data, output, source;
  std::vector<std::string> domains;
  int64_t epochs = 0;
};

/// The teacher's recipe with what --set, --epochs and --seed change of how it is trained on.
Recipe recipe_of(const AdaptArguments& a, const TrainedModel& teacher, const Context& context) {
  for (const auto& text : context.overrides) {
    const std::string section = text.substr(0, text.find('.'));
    if (section != "adapt" && section != "train" && section != "augment") {
      fail(ErrorKind::usage, "--set " + in_quotes(text) +
                                 ": adaptation takes [adapt], [train] and [augment] keys only");
    }
  }
  Recipe recipe = parse_recipe(teacher.recipe.resolved(), teacher.name, context.overrides);
  if (!recipe.adapt) recipe.adapt = AdaptOptions{};
  if (a.epochs > 0) recipe.train.epochs = a.epochs;
  if (context.seed >= 0) recipe.train.seed = context.seed;
  return recipe;
}

std::vector<int64_t> rows_of(const PreparedSet& set, const std::vector<std::string>& domains) {
  std::set<std::string> known;
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < set.size(); ++row) {
    const auto& domain = set.rows()[static_cast<size_t>(row)].domain;
    known.insert(domain);
    const bool named = std::find(domains.begin(), domains.end(), domain) != domains.end();
    if (domains.empty() || named) rows.push_back(row);
  }
  for (const auto& domain : domains) {
    if (known.count(domain) > 0) continue;
    fail(ErrorKind::usage, "--domain " + in_quotes(domain) + ": the target has " +
                               listed({known.begin(), known.end()}));
  }
  return rows;
}

/// The set the teacher was trained on: as named, or what its training left. Empty if neither is
/// there.
std::string source_of(const AdaptArguments& a) {
  if (!a.source.empty()) return a.source;
  return RunFolder(a.run).nearby_prepared_set().value_or("").string();
}

std::string dice_text(const std::vector<ScoredItem>& items) {
  const DomainScores all = domain_scores(items).front();
  std::string text = all.pooled.dice ? fixed(*all.pooled.dice, 4) : "-";
  if (const auto& interval = all.intervals.pooled) {
    text += " (95 % " + fixed(interval->low, 3) + " to " + fixed(interval->high, 3) + ")";
  }
  return text;
}

void print_scores(const std::string& what, const std::vector<ScoredItem>& before,
                  const std::vector<ScoredItem>& after) {
  if (before.empty()) return;
  std::cout << "Dice on " << what << " (" << before.size() << " slices): before "
            << dice_text(before) << ", after " << dice_text(after) << "\n";
}

void print_text(const AdaptJob& job, const AdaptOutcome& outcome) {
  for (size_t i = 0; i < outcome.rounds.size(); ++i) {
    const auto& r = outcome.rounds[i];
    std::cout << "round " << i + 1 << ": " << r.chosen << " of " << r.slices
              << " slices pseudo-labelled (K " << r.asked << ", limit " << shortest(r.limit)
              << ", cut-off " << shortest(r.cutoff) << "; " << r.too_small << " too small, "
              << r.below_limit << " below the limit)\n";
  }
  print_scores("the target", outcome.before, outcome.after);
  if (job.recipe.adapt->mode == Protocol::strict) {
    print_scores("slices without a pseudo-label", not_labelled(outcome.before, outcome),
                 not_labelled(outcome.after, outcome));
  }
  std::cout << job.run.string() << ": adapted network" << std::endl;
}

void run_adapt(const AdaptArguments& a, const Context& context) {
  const auto console = console_observer(context);
  const TrainedModel teacher = load_trained_model(a.run);
  AdaptJob job;
  job.teacher = a.run;
  job.run = fs::path(a.output);
  job.recipe = recipe_of(a, teacher, context);
  job.cutoff = teacher.threshold;
  const RunSettings settings = run_settings(context);
  job.engine = settings.engine;
  job.train = train_visibly;
  const PreparedSet target(prepared_path(a.data, fs::path(a.output) / "target", job.recipe,
                                         settings, *console, Masks::optional));
  job.target = &target;
  job.target_rows = rows_of(target, a.domains);
  std::unique_ptr<PreparedSet> source;
  const auto& options = *job.recipe.adapt;
  const std::string source_data = source_of(a);
  const bool wanted = options.mix_source || options.stop_on == StopOn::source;
  if (!source_data.empty() && (wanted || !a.source.empty())) {
    source = std::make_unique<PreparedSet>(
        prepared_path(source_data, fs::path(a.output) / "source", job.recipe, settings, *console));
    check_set_fits(job.recipe, *source);
    job.source = source.get();
    job.source_split =
        RunFolder(a.run).read_split(*source, "which rows of the source were trained on");
  }
  job.trained_ids = RunFolder(a.run).split_ids({"train", "val"});
  const AdaptOutcome outcome = adapt(job, *console);
  if (!team().leads()) return;
  if (context.json) return print_json(adaptation_json(job, outcome));
  print_text(job, outcome);
}

}  // namespace

void add_adapt(CLI::App& app, Context& context) {
  auto a = std::make_shared<AdaptArguments>();
  auto* verb = add_verb(app, context, "adapt",
                        "fit a trained network to images of another hospital, without labels",
                        [a, &context] { run_as_team(context, [&] { run_adapt(*a, context); }); });
  verb->add_option("run", a->run, "run folder of the trained network")->required();
  verb->add_option("--data", a->data, "the other hospital's data set, or prepared set")->required();
  verb->add_option("-o,--output", a->output, "run folder of the adapted network")->required();
  verb->add_option("--source", a->source,
                   "data the network was trained on (RUN/prepared.ggset if it is there)");
  verb->add_option("--domain", a->domains, "only this domain of the data; may be given again")
      ->allow_extra_args(false);
  verb->add_option("--epochs", a->epochs, "instead of the recipe's");
  add_rank_options(verb, context);
  add_engine_options(verb, context);
  add_override_option(verb, context);
}

}  // namespace groundglass
