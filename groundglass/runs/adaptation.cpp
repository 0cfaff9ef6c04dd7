#include "groundglass/runs/adaptation.h"

#include <toml++/toml.h>
#include <nlohmann/json.hpp>

#include "groundglass/adapt/batch_statistics.h"
#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/team.h"
#include "groundglass/recipe/recipe_reader.h"
#include "groundglass/recipe/recipe_writer.h"
#include "groundglass/report/run_pictures.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

using PatientKey = std::pair<std::string, std::string>;

PatientKey patient_of(const PreparedRow& row) {
  return {row.domain, row.patient};
}

/// Patients of the target that the teacher was trained or validated on.
std::set<PatientKey> shared_patients(const AdaptJob& job) {
  std::set<PatientKey> trained, shared;
  if (job.source != nullptr) {
    for (const auto* entries : {&job.source_split.train, &job.source_split.validation}) {
      for (const auto& e : *entries) {
        trained.insert(patient_of(job.source->rows()[static_cast<size_t>(e.row)]));
      }
    }
  }
  for (const int64_t row : job.target_rows) {
    const auto& r = job.target->rows()[static_cast<size_t>(row)];
    if (trained.count(patient_of(r)) > 0 || job.trained_ids.count(r.id) > 0) {
      shared.insert(patient_of(r));
    }
  }
  return shared;
}

void check_patients_apart(const AdaptJob& job, Observer& observer) {
  const auto shared = shared_patients(job);
  if (shared.empty()) return;
  const std::string what = std::to_string(shared.size()) +
                           " patients of the target were trained on, first " +
                           in_quotes(shared.begin()->second);
  if (job.recipe.adapt->mode == Protocol::paper) return observer.on(Warning{what});
  fail(ErrorKind::data, what +
                            "; in strict mode patients stay apart: leave them out (--domain), or "
                            "set adapt.mode=paper");
}

/// All that decides the outcome, but not how long training may take.
std::string fingerprint_of(const AdaptJob& job, const std::string& weights_sha256) {
  Recipe recipe = job.recipe;
  const TrainOptions defaults;
  recipe.train.epochs = defaults.epochs;
  recipe.train.checkpoint_minutes = defaults.checkpoint_minutes;
  recipe.train.loader_threads = defaults.loader_threads;
  std::string text =
      weights_sha256 + recipe.resolved() + shortest(job.cutoff) + job.target->header().fingerprint;
  for (const int64_t row : job.target_rows) {
    text += "\n" + job.target->rows()[static_cast<size_t>(row)].id;
  }
  return sha256(text);
}

ScoreOptions score_options(const AdaptJob& job) {
  ScoreOptions options = job.recipe.scoring(job.engine);
  options.threshold = job.cutoff;
  return options;
}

/// Scores of the target rows that have masks.
FoldScores score_target(const AdaptJob& job, SegmentationModel& model) {
  std::vector<Entry> entries;
  for (const int64_t row : job.target_rows) {
    if (job.target->rows()[static_cast<size_t>(row)].has_mask) entries.push_back({row, 0, 0});
  }
  model.to(job.engine.device);
  FoldScores scores = name_scores(score_entries(model, *job.target, entries, score_options(job)),
                                  job.target->rows());
  scores.threshold = job.cutoff;
  return scores;
}

LossSpec entropy_term() {
  const toml::table empty;
  RecipeReader reader(empty, "loss");
  LossSpec spec = catalog_loss("entropy").read(reader);
  spec.name = "entropy";
  return spec;
}

/// The recipe of a round: the teacher's, from given weights, at the source's cut-off.
Recipe round_recipe(const AdaptJob& job, const fs::path& start) {
  Recipe recipe = job.recipe;
  recipe.distil.reset();
  recipe.start = {start.string(), WeightsLayout::groundglass};
  recipe.evaluate.threshold_from = ThresholdFrom::fixed;
  recipe.evaluate.threshold = job.cutoff;
  std::erase_if(recipe.loss, [](const auto& term) { return term.second.name == "entropy"; });
  if (recipe.adapt->entropy_weight > 0) {
    recipe.loss.emplace_back(recipe.adapt->entropy_weight, entropy_term());
  }
  return recipe;
}

/// Loads a teacher, with statistics of the target if the recipe says so.
TrainedModel prepared_teacher(const AdaptJob& job, const fs::path& weights) {
  TrainedModel teacher = load_trained_model(weights);
  const auto& o = *job.recipe.adapt;
  if (o.batch_norm == NormStatistics::target) {
    reestimate_batch_norm(*teacher.model, *job.target, job.target_rows, score_options(job).loader,
                          job.engine, o.batch_norm_mix);
  }
  return teacher;
}

/// The teacher's notes, but for its temperature: its probabilities change with its statistics.
WeightsNotes notes_of_start(const Recipe& recipe, const AdaptJob& job,
                            const TrainedModel& teacher) {
  WeightsNotes notes = weights_notes(recipe, job.cutoff, teacher.notes);
  notes.erase("temperature");
  return notes;
}

/// Labels the target and leaves the network that training starts from.
void label_target(const AdaptJob& job, const fs::path& folder, const fs::path& teacher,
                  const std::string& fingerprint, Observer& observer) {
  const fs::path start = folder / "start.safetensors";
  const bool begun = fs::exists(start) && fs::exists(folder / "selection.json");
  const TrainedModel model = begun ? load_trained_model(start) : prepared_teacher(job, teacher);
  PseudoSetJob labelling;
  labelling.model = model.model;
  labelling.cutoff = job.cutoff;
  labelling.options = *job.recipe.adapt;
  labelling.viewing = score_options(job);
  labelling.viewing.views = job.recipe.adapt->views;
  labelling.target = job.target;
  labelling.target_rows = job.target_rows;
  labelling.source = job.source;
  labelling.source_split = job.source_split;
  labelling.folder = folder;
  labelling.fingerprint = fingerprint;
  const SelectionReport selected = make_pseudo_set(labelling, observer);
  write_certainty(folder / "certainty.png", selected.histogram, selected.limit);
  if (fs::exists(start)) return;
  model.model->to(torch::kCPU);
  write_safetensors(
      start, {named_weights(*model.model), notes_of_start(round_recipe(job, start), job, model)});
}

/// One round in its folder: labels, then trains. Returns what was chosen; test.json is without
/// items.
SelectionReport one_round(const AdaptJob& job, const fs::path& folder, const fs::path& teacher,
                          const std::string& fingerprint, Observer& observer) {
  team().leader_first([&] { label_target(job, folder, teacher, fingerprint, observer); });
  const SelectionReport report = read_selection(folder / "selection.json");
  const Recipe recipe = round_recipe(job, folder / "start.safetensors");
  const PreparedSet set(folder / "pseudo.ggset");
  job.train({folder, recipe, &set, pseudo_split(report.parts), job.engine}, observer);
  return report;
}

/// rounds = 0: the network with new statistics is the result.
void only_statistics(const AdaptJob& job, const std::string& fingerprint) {
  const fs::path weights = job.run.weights();
  if (job.run.has_weights()) {
    const auto notes = read_safetensors_metadata(weights);
    const auto found = notes.find("adaptation");
    if (found != notes.end() && found->second == fingerprint) return;
    fail(ErrorKind::usage, job.run.string() +
                               ": holds an adaptation of another network, target or recipe; choose "
                               "another folder");
  }
  const TrainedModel teacher = prepared_teacher(job, job.teacher);
  Recipe recipe = job.recipe;
  recipe.evaluate.threshold_from = ThresholdFrom::fixed;
  recipe.evaluate.threshold = job.cutoff;
  begin_run({job.run, recipe, job.target, {}, job.engine});
  auto notes = notes_of_start(recipe, job, teacher);
  notes["adaptation"] = fingerprint;
  teacher.model->to(torch::kCPU);
  write_safetensors(weights, {named_weights(*teacher.model), notes});
}

/// The last round's best epoch stays in test.json.
void write_after(const AdaptJob& job, AdaptOutcome& outcome) {
  const fs::path path = job.run.test_scores();
  FoldScores trained;
  if (fs::exists(path)) trained = read_fold_scores(path);
  FoldScores after = score_target(job, *load_trained_model(job.run.path()).model);
  after.best_epoch = trained.best_epoch;
  after.seconds = trained.seconds;
  if (team().leads()) write_fold_scores(path, after);
  outcome.after = after.items;
}

ordered_json scores_json(const std::vector<ScoredItem>& items) {
  if (items.empty()) return nullptr;
  const DomainScores all = domain_scores(items).front();
  ordered_json out = {{"slices", all.items}, {"patients", all.intervals.patients}};
  out["pooled"] = score_row_json(all.pooled);
  const auto& interval = all.intervals.pooled;
  out["dice_interval95"] =
      interval ? ordered_json{interval->low, interval->high} : ordered_json(nullptr);
  return out;
}

/// Dice of each class before and after; nothing where there is one class.
ordered_json class_dice_json(const AdaptJob& job, const AdaptOutcome& outcome) {
  ordered_json out = ordered_json::array();
  const size_t classes = outcome.before.empty() ? 0 : outcome.before.front().classes.size();
  for (size_t c = 0; c < classes; ++c) {
    const auto pooled = [&](const std::vector<ScoredItem>& items) -> ordered_json {
      Counts sum;
      for (const auto& item : items) sum += item.classes.at(c);
      const auto value = dice(sum);
      return value ? ordered_json(*value) : ordered_json(nullptr);
    };
    const auto label = static_cast<int64_t>(c) + 1;
    out.push_back({{"class", label},
                   {"name", class_name(job.recipe.evaluate.class_names, label)},
                   {"dice_before", pooled(outcome.before)},
                   {"dice_after", pooled(outcome.after)}});
  }
  return out;
}

ordered_json selection_json(const SelectionReport& r) {
  return {{"slices", r.slices}, {"too_small", r.too_small}, {"below_limit", r.below_limit},
          {"asked", r.asked},   {"chosen", r.chosen},       {"limit", r.limit},
          {"cutoff", r.cutoff}, {"histogram", r.histogram}};
}

void warn_if_clean(const AdaptJob& job, const std::vector<ScoredItem>& before, Observer& observer) {
  const auto lesion = [](const ScoredItem& i) { return i.counts.tp + i.counts.fn > 0; };
  if (before.empty() || std::any_of(before.begin(), before.end(), lesion)) return;
  observer.on(Warning{"the masks of the target (" + std::to_string(job.target_rows.size()) +
                      " slices) hold no lesion, so its Dice says nothing"});
}

}  // namespace

AdaptOutcome adapt(const AdaptJob& job, Observer& observer) {
  const auto& options = *job.recipe.adapt;
  options.check();
  if (job.target_rows.empty()) fail(ErrorKind::data, "the target has no slice");
  check_set_fits(job.recipe, *job.target);
  check_patients_apart(job, observer);
  const TrainedModel teacher = load_trained_model(job.teacher);
  const std::string fingerprint = fingerprint_of(job, teacher.weights_sha256);
  AdaptOutcome outcome;
  if (options.rounds == 0) {
    team().leader_first([&] { only_statistics(job, fingerprint); });
  }
  fs::path labeller = job.teacher;
  for (int64_t round = 1; round <= options.rounds; ++round) {
    const fs::path folder = round == options.rounds
                                ? job.run.path()
                                : job.run.path() / ("round_" + std::to_string(round));
    outcome.rounds.push_back(
        one_round(job, folder, labeller, fingerprint + "/" + std::to_string(round), observer));
    const auto& ids = outcome.rounds.back().chosen_ids;
    outcome.labelled.insert(ids.begin(), ids.end());
    labeller = folder;
  }
  const fs::path report = job.run.path() / "adaptation.json";
  if (fs::exists(report)) {
    outcome.before = read_fold_scores(job.run.path() / "before.json").items;
    outcome.after = read_fold_scores(job.run.test_scores()).items;
    return outcome;
  }
  const FoldScores before = score_target(job, *teacher.model);
  if (team().leads()) write_fold_scores(job.run.path() / "before.json", before);
  outcome.before = before.items;
  warn_if_clean(job, before.items, observer);
  write_after(job, outcome);
  if (team().leads()) write_file(report, adaptation_json(job, outcome).dump(1) + "\n");
  return outcome;
}

std::vector<ScoredItem> not_labelled(const std::vector<ScoredItem>& items,
                                     const AdaptOutcome& outcome) {
  std::vector<ScoredItem> rest;
  for (const auto& item : items) {
    if (outcome.labelled.count(item.id) == 0) rest.push_back(item);
  }
  return rest;
}

ordered_json adaptation_json(const AdaptJob& job, const AdaptOutcome& outcome) {
  ordered_json document = {{"run", job.run.string()},
                           {"teacher", job.teacher.string()},
                           {"mode", word_of(job.recipe.adapt->mode)},
                           {"cutoff", job.cutoff}};
  document["rounds"] = ordered_json::array();
  for (const auto& round : outcome.rounds) document["rounds"].push_back(selection_json(round));
  document["before"] = scores_json(outcome.before);
  document["after"] = scores_json(outcome.after);
  if (auto classes = class_dice_json(job, outcome); !classes.empty()) document["classes"] = classes;
  if (job.recipe.adapt->mode == Protocol::strict) {
    document["not_labelled"] = {{"before", scores_json(not_labelled(outcome.before, outcome))},
                                {"after", scores_json(not_labelled(outcome.after, outcome))}};
  }
  return document;
}

}  // namespace groundglass
