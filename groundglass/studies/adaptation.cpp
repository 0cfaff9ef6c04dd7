#include <set>

#include <ATen/Parallel.h>

#include "groundglass/adapt/adaptation_table.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/report/html_page.h"
#include "groundglass/runs/adaptation.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/runs/training_run.h"
#include "groundglass/studies/adaptation_study.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Runs every training and adaptation of the study, or reads it back.
class AdaptationRunner {
 public:
  AdaptationRunner(const StudyFile& file, const AdaptationStudyFile& study, const StudyJob& job,
                   const PreparedSet& set, Observer& console)
      : file_(file),
        study_(study),
        job_(job),
        set_(set),
        console_(console),
        rows_(domain_rows(set, study.options)) {}

  const DomainRows& rows() const { return rows_; }

  /// A source domain on itself, and on every other one.
  std::vector<Transfer> table_of(const std::string& source) {
    std::vector<Transfer> transfers;
    for (const auto& [target, list] : rows_) {
      Transfer transfer{source, target, {}, expected(source, target)};
      for (int64_t seed = 0; seed < study_.options.seeds; ++seed) {
        const Source trained = source_network(source, seed, job_.output, {});
        transfer.runs.push_back(
            target == source
                ? in_domain(trained)
                : adapted(trained, target, trained.folder.parent_path() / ("to_" + target), {}));
      }
      transfers.push_back(std::move(transfer));
    }
    return transfers;
  }

  AblationRow ablation_row(const AblationSpec& spec) {
    AblationRow row{spec.name, joined(spec.set, ", "), {}};
    if (!spec.source_set.empty()) {
      row.options += (row.options.empty() ? "" : "; ") + std::string("source: ") +
                     joined(spec.source_set, ", ");
    }
    const fs::path folder = job_.output / "ablation" / spec.name;
    for (const auto& [source, target] : pairs()) {
      Transfer transfer{source, target, {}, {}};
      for (int64_t seed = 0; seed < study_.options.ablation_seeds; ++seed) {
        const Source trained =
            source_network(source, seed, source_folder(spec.source_set), spec.source_set);
        transfer.runs.push_back(
            spec.adapts
                ? adapted(trained, target,
                          folder / source / ("seed_" + std::to_string(seed)) / ("to_" + target),
                          spec.set)
                : unadapted(trained, target));
      }
      row.transfers.push_back(std::move(transfer));
    }
    return row;
  }

  /// The first of each target's patients in an order of their own.
  ChoosesOptions choosing_patients() const {
    std::set<std::pair<std::string, std::string>> choosing;
    for (const auto& [domain, list] : rows_) {
      std::set<std::string> all;
      for (const int64_t row : list) all.insert(set_.rows()[static_cast<size_t>(row)].patient);
      const std::vector<std::string> names(all.begin(), all.end());
      Rng rng = rng_for(0, 0, 0xc400);
      const auto order = permutation(static_cast<int64_t>(names.size()), rng);
      const auto n = static_cast<size_t>(
          std::llround(study_.options.choosing_share * static_cast<double>(names.size())));
      for (size_t i = 0; i < std::max<size_t>(n, 1); ++i) {
        choosing.insert({domain, names[static_cast<size_t>(order[i])]});
      }
    }
    return [choosing](const ScoredItem& item) {
      return choosing.count({item.domain, item.patient}) > 0;
    };
  }

  std::vector<std::pair<std::string, std::string>> pairs() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& text : study_.options.ablation_pairs) {
      const auto parts = split_text(text, '>');
      if (parts.size() != 2 || rows_.count(parts[0]) == 0 || rows_.count(parts[1]) == 0) {
        fail(ErrorKind::recipe, "[adaptation] ablation_pairs holds " + in_quotes(text) +
                                    ", expected source>target, two of the domains");
      }
      out.emplace_back(parts[0], parts[1]);
    }
    if (!out.empty()) return out;
    for (const auto& [source, list] : rows_) {
      for (const auto& [target, others] : rows_) {
        if (target != source) out.emplace_back(source, target);
      }
    }
    return out;
  }

 private:
  /// A trained source network, and what it was trained on.
  struct Source {
    std::string domain;
    int64_t seed = 0;
    fs::path folder;
    Recipe recipe;
    Split split;
    double cutoff = 0.5;
  };

  /// Rows with equal changes share their source networks.
  fs::path source_folder(const std::vector<std::string>& changes) const {
    const fs::path& output = job_.output;
    if (changes.empty()) return output;
    return output / ("sources_" + sha256(joined(changes, "\n")).substr(0, 8));
  }

  std::vector<double> expected(const std::string& source, const std::string& target) const {
    std::map<std::string, std::string> letters;
    for (const auto& text : study_.options.paper_names) {
      const auto parts = split_text(text, '=');
      if (parts.size() == 2) letters[parts[0]] = parts[1];
    }
    const auto found = study_.expected.find(letters[source] + "_" + letters[target]);
    return found == study_.expected.end() ? std::vector<double>{} : found->second;
  }

  Recipe recipe_of(const std::string& source, int64_t seed,
                   const std::vector<std::string>& more) const {
    RunSettings with_study = job_.settings;
    with_study.overrides = study_.options.set;
    const auto add = [&](const std::vector<std::string>& list) {
      with_study.overrides.insert(with_study.overrides.end(), list.begin(), list.end());
    };
    add(more);
    add({"split.mode=shares", "split.folds=" + std::to_string(std::max<int64_t>(seed + 1, 2)),
         "split.test_fraction=0.3", "split.validation_fraction=0.1", "split.seed=0",
         "split.train_domains=[\"" + source + "\"]", "evaluate.threshold_from=fixed",
         "train.seed=" + std::to_string(seed)});
    add(job_.settings.overrides);
    Recipe recipe = read_recipe_for(file_.beside(study_.options.recipe), job_.epochs, with_study);
    recipe.adapt = recipe.adapt.value_or(AdaptOptions{});
    recipe.adapt->mode = study_.protocol;
    return recipe;
  }

  /// The split of a seed, of the slices that take part alone.
  Split split_of(const Recipe& recipe, int64_t seed) const {
    std::vector<int64_t> chosen;
    for (const auto& [domain, list] : rows_) chosen.insert(chosen.end(), list.begin(), list.end());
    return make_splits(set_.rows(), chosen, recipe.split, 0)[static_cast<size_t>(seed)];
  }

  Source source_network(const std::string& domain, int64_t seed, const fs::path& folder,
                        const std::vector<std::string>& more) {
    Source source;
    source.domain = domain;
    source.seed = seed;
    source.folder = folder / domain / ("seed_" + std::to_string(seed)) / "source";
    source.recipe = recipe_of(domain, seed, more);
    check_set_fits(source.recipe, set_);
    source.split = split_of(source.recipe, seed);
    train_visibly({.run = source.folder,
                   .recipe = source.recipe,
                   .set = &set_,
                   .split = source.split,
                   .engine = job_.settings.engine},
                  console_);
    source.cutoff = cutoff_of(source);
    return source;
  }

  Scores scores_of(const Source& source, const std::vector<Entry>& entries, double threshold) {
    const TrainedModel trained = load_trained_model(source.folder);
    trained.model->to(job_.settings.engine.device);
    ScoreOptions options = source.recipe.scoring(job_.settings.engine);
    options.threshold = threshold;
    return score_entries(*trained.model, set_, entries, options);
  }

  /// t of .05, .10 to .95 with the best pooled Dice: on the test patients in paper mode, on the
  /// validation patients in strict mode.
  double cutoff_of(const Source& source) {
    const fs::path file = source.folder / ("cutoff_" + word_of(study_.protocol) + ".json");
    if (fs::exists(file)) return nlohmann::json::parse(read_file(file)).at("cutoff");
    const auto& entries =
        study_.protocol == Protocol::paper ? source.split.test : source.split.validation;
    ProbabilityHistogram all;
    for (const auto& row : scores_of(source, entries, 0.5).rows) all += row.histogram;
    double best = 0.5, best_dice = -1;
    for (int64_t bin = 5; bin <= 95; bin += 5) {
      const double value = dice(all.at(bin)).value_or(-1);
      if (value <= best_dice) continue;
      best_dice = value;
      best = static_cast<double>(bin) / ProbabilityHistogram::kBins;
    }
    write_file(file, nlohmann::json{{"cutoff", best}, {"dice", best_dice}}.dump() + "\n");
    return best;
  }

  /// Scores of entries at the cut-off, kept beside the source network.
  std::vector<ScoredItem> kept_scores(const Source& source, const std::string& name,
                                      const std::vector<Entry>& entries) {
    const fs::path file = source.folder / (name + "_" + word_of(study_.protocol) + ".json");
    if (fs::exists(file)) return read_fold_scores(file).items;
    FoldScores scores = name_scores(scores_of(source, entries, source.cutoff), set_.rows());
    scores.threshold = source.cutoff;
    write_fold_scores(file, scores);
    return scores.items;
  }

  TransferRun in_domain(const Source& source) {
    return {
        source.seed, source.cutoff, kept_scores(source, "in_domain", source.split.test), {}, {}, {},
        ""};
  }

  TransferRun unadapted(const Source& source, const std::string& target) {
    std::vector<Entry> entries;
    for (const int64_t row : rows_.at(target)) entries.push_back({row, 0, 0});
    return {source.seed, source.cutoff, kept_scores(source, "on_" + target, entries), {}, {},
            {},          "not adapted"};
  }

  TransferRun adapted(const Source& source, const std::string& target, const fs::path& folder,
                      const std::vector<std::string>& more) {
    AdaptJob job;
    job.teacher = source.folder;
    job.run = folder;
    std::vector<std::string> overrides = study_.options.adapt_set;
    overrides.insert(overrides.end(), more.begin(), more.end());
    job.recipe = parse_recipe(source.recipe.resolved(), file_.path.string(), overrides);
    job.cutoff = source.cutoff;
    job.target = &set_;
    job.target_rows = rows_.at(target);
    job.source = &set_;
    job.source_split = source.split;
    job.engine = job_.settings.engine;
    job.train = train_visibly;
    TransferRun run;
    try {
      AdaptOutcome outcome = adapt(job, console_);
      run = {source.seed,
             source.cutoff,
             std::move(outcome.before),
             std::move(outcome.after),
             outcome.labelled,
             outcome.rounds,
             ""};
    } catch (const NothingChosen& e) {
      console_.on(Warning{folder.string() + ": " + e.what()});
      run = unadapted(source, target);
      run.after = run.before;  // nothing was changed
      run.note = "nothing chosen";
    }
    return run;
  }

  const StudyFile& file_;
  const AdaptationStudyFile& study_;
  const StudyJob& job_;
  const PreparedSet& set_;
  Observer& console_;
  const DomainRows rows_;
};

/// A table with its heading and what must be known to read it.
struct Section {
  std::string heading, text;
  const TableCells* cells;
};

std::vector<Section> sections_of(const AdaptationTables& t) {
  std::vector<Section> all = {
      {"Dice before and after", "Mean +- deviation over the runs; intervals over patients.",
       &t.dice},
      {"Specificity and sensitivity", "Mean +- deviation over the runs.", &t.others},
      {"Slices without a pseudo-label", "What adaptation does to slices it did not learn from.",
       &t.rest},
      {"Certainty", "Slices by certainty index, in steps of .05, and how many were chosen.",
       &t.certainty},
      {"Ablation",
       "Each row on the same transfers. Options are compared by the choosing patients of each "
       "target; the other patients show what the choice is worth. 'before' is the row's own source "
       "network." +
           (t.best.empty() ? "" : " Best on the choosing patients: " + t.best + "."),
       &t.ablation}};
  std::erase_if(all, [](const Section& s) { return s.cells->rows.empty(); });
  return all;
}

std::string caption_of(const StudyFile& file, const AdaptationStudyFile& study,
                       const StudyJob& job) {
  return "Mode " + word_of(study.protocol) + ": the cut-off t is chosen on the source's " +
         (study.protocol == Protocol::paper ? "test" : "validation") +
         " patients. Patient-wise random 60/10/30 splits of the source, seeds 0 to " +
         std::to_string(study.options.seeds - 1) + ". Command `" + job.command + "`, commit " +
         commit() + ", " + cpu_name() + ", " + std::to_string(at::get_num_threads()) +
         " threads. Scores are pooled over the pixels of a run on the network's grid. The paper's "
         "figures are of its own data." +
         (file.study.caption.empty() ? "" : " " + file.study.caption);
}

void write_tables(const StudyFile& file, const StudyJob& job, const std::string& caption,
                  const AdaptationTables& tables) {
  const fs::path& out = job.output;
  std::string markdown = "# " + file.study.title + "\n\n" + caption + "\n";
  for (const auto& s : sections_of(tables)) {
    markdown += "\n## " + s.heading + "\n\n" + s.text + "\n\n" + s.cells->markdown();
  }
  write_file(out / "study.md", markdown);
  write_file(out / "study.csv", tables.runs.csv());
  write_file(out / "study.json", tables.json.dump(1) + "\n");
  HtmlPage page(file.study.title);
  page.paragraph(caption);
  for (const auto& s : sections_of(tables)) {
    page.heading(s.heading);
    page.paragraph(s.text);
    page.table(s.cells->head, s.cells->rows);
  }
  write_file(out / "study.html", page.text());
}

}  // namespace

StudyResult run_adaptation_study(const StudyFile& file, const StudyJob& job, Observer& console) {
  const AdaptationStudyFile study = read_adaptation_study(file, job);
  RunSettings with_study = job.settings;
  with_study.overrides = study.options.set;
  with_study.overrides.insert(with_study.overrides.end(), job.settings.overrides.begin(),
                              job.settings.overrides.end());
  const Recipe base = read_recipe_for(file.beside(study.options.recipe), job.epochs, with_study);
  const PreparedSet set(prepared_path(job.data, job.output, base, job.settings, console));
  check_set_fits(base, set);
  AdaptationRunner runner(file, study, job, set, console);
  runner.pairs();  // refused before anything is trained
  const std::string caption = caption_of(file, study, job);
  std::vector<Transfer> transfers;
  std::vector<AblationRow> ablation;
  AdaptationTables tables;
  const auto write = [&] {  // what is done can be read while the rest is trained
    tables = adaptation_tables(transfers, ablation, study.protocol, runner.choosing_patients());
    tables.json["title"] = file.study.title;
    tables.json["caption"] = caption;
    write_tables(file, job, caption, tables);
  };
  const bool with_table =
      job.rows.empty() || std::find(job.rows.begin(), job.rows.end(), "table") != job.rows.end();
  for (const auto& [source, list] : runner.rows()) {
    if (!with_table) break;
    for (auto& t : runner.table_of(source)) transfers.push_back(std::move(t));
    write();
  }
  for (const auto& spec : study.ablation) {
    ablation.push_back(runner.ablation_row(spec));
    write();
  }
  std::string text;
  for (const auto& s : sections_of(tables)) {
    text += s.heading + "\n\n" + s.cells->markdown() + "\n";
  }
  return {tables.json, text};
}

}  // namespace groundglass