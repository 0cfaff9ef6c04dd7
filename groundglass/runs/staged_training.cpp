#include "groundglass/runs/staged_training.h"

#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/team.h"
#include "groundglass/models/cascade.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

const ModelSpec& stage(const Recipe& recipe, const std::string& part) {
  for (const auto& spec : recipe.model.stages) {
    if (spec.part == part) return spec;
  }
  fail(ErrorKind::recipe, recipe.model.name +
                              " is no cascade of lungs and infection; expected model.name = "
                              "\"chs_net\" or \"cascade\" with [cascade]");
}

Recipe stage_recipe(const Recipe& recipe, const std::string& part) {
  Recipe own = recipe;
  own.model = stage(recipe, part);
  own.model.part.clear();
  own.cascade.reset();
  own.expect = {};
  own.paper.title += ", " + part;
  return own;
}

/// The entries of a list whose image has a mask in `lungs`, by that set's rows.
std::vector<Entry> with_lungs(const std::vector<Entry>& entries, const PreparedSet& set,
                              const PreparedSet& lungs) {
  std::map<std::string, int64_t> row_of;
  for (int64_t row = 0; row < lungs.size(); ++row) {
    const auto& r = lungs.rows()[static_cast<size_t>(row)];
    row_of[r.id] = r.has_mask ? row : -1;
  }
  std::vector<Entry> kept;
  std::vector<std::string> strangers;
  for (Entry entry : entries) {
    const std::string& id = set.rows()[static_cast<size_t>(entry.row)].id;
    const auto found = row_of.find(id);
    if (found == row_of.end()) {
      strangers.push_back(id);
    } else if (found->second >= 0) {
      entry.row = found->second;
      kept.push_back(entry);
    }
  }
  if (!strangers.empty()) {
    fail(ErrorKind::data, "the set with lung masks lacks " + std::to_string(strangers.size()) +
                              " images of the split, first " + strangers.front() +
                              "; prepare both from one data set");
  }
  return kept;
}

/// The gate of the whole network that the recipe describes.
const CascadeImpl& cascade_of(const SegmentationModel& whole) {
  const auto* cascade = dynamic_cast<const CascadeImpl*>(&whole);
  if (cascade == nullptr) fail(ErrorKind::internal, "a network with stages is no cascade");
  return *cascade;
}

/// Says what the gated images were made from.
std::string gated_fingerprint(const FoldJob& job, const TrainedModel& lung,
                              const CascadeOptions& gate) {
  std::string text = job.set->header().fingerprint + lung.weights_sha256;
  const CascadeOptions usual;  // whose gate has no place in the text, as in sets that stand already
  if (gate.gate == CascadeGate::soft) text += " soft";
  if (gate.gate == CascadeGate::hard && gate.threshold != usual.threshold) {
    text += " " + shortest(gate.threshold);
  }
  return sha256(text);
}

/// Writes the images as the second network sees them, rounded to whole grays; a killed call goes on
/// where it stopped.
void write_gated(const fs::path& path, const FoldJob& job, const TrainedModel& lung,
                 const CascadeImpl& cascade, Observer& observer) {
  const PreparedSet& set = *job.set;
  PreparedHeader header = set.header();
  header.fingerprint = gated_fingerprint(job, lung, cascade.options());
  PreparedSetWriter writer(path, header);
  lung.model->to(job.engine.device);
  std::vector<Entry> entries;
  for (int64_t row = 0; row < set.size(); ++row) entries.push_back({row, 0, 0});
  ScoreOptions options = lung.recipe.scoring(job.engine);
  options.when_stopped = "stopped; run it again to go on";
  for_each_answer(*lung.model, set, entries, options, [&](const Answer& a) {
    std::vector<torch::Tensor> images;
    for (const int64_t row : a.batch.rows) images.push_back(set.image(row));
    const auto seen =
        cascade.left_of(torch::stack(images).to(torch::kFloat32), a.logits.to(torch::kCPU));
    const auto grays = seen.round().to(torch::kUInt8);
    for (size_t i = 0; i < a.batch.rows.size(); ++i) {
      const int64_t row = a.batch.rows[i];
      if (!writer.has(row)) writer.write(row, grays[static_cast<int64_t>(i)], set.mask(row));
    }
    observer.on(Progress{"predicted lungs", a.batch.rows.back() + 1, set.size(), ""});
  });
  writer.finish();
}

/// The two trained networks under one roof, in the run's own folder.
void join(const FoldJob& job, const TrainedModel& lung, const TrainedModel& infection,
          SegmentationModel& whole) {
  std::map<std::string, torch::Tensor> weights;
  for (const auto& [name, tensor] : named_weights(*lung.model)) weights["lung." + name] = tensor;
  for (const auto& [name, tensor] : named_weights(*infection.model)) {
    weights["infection." + name] = tensor;
  }
  load_weights(whole, weights, job.run.string());
  WeightsNotes notes = notes_of_training(job);
  notes["threshold"] = shortest(infection.threshold);
  if (team().leads()) write_safetensors(job.run.weights(), {weights, notes});
}

}  // namespace

Recipe lung_recipe(const Recipe& recipe) {
  if (!recipe.cascade) {
    fail(ErrorKind::recipe, "the recipe has no [cascade], which says where lung masks come from");
  }
  Recipe own = stage_recipe(recipe, "lung");
  own.data.mask = recipe.cascade->lung_mask;
  own.data.labels = recipe.cascade->lung_labels;
  own.evaluate = {};
  if (recipe.cascade->lung_epochs > 0) own.train.epochs = recipe.cascade->lung_epochs;
  return own;
}

FoldScores train_stages(const FoldJob& job, Observer& observer) {
  const Recipe& recipe = job.recipe;
  const PreparedSet& set = *job.set;
  FoldJob first = {job.run.path() / "lung", lung_recipe(recipe), job.lungs, {}, job.engine};
  first.split = {with_lungs(job.split.train, set, *job.lungs),
                 with_lungs(job.split.validation, set, *job.lungs),
                 with_lungs(job.split.test, set, *job.lungs)};
  if (first.split.train.empty() || first.split.validation.empty()) {
    fail(ErrorKind::data, "the first network has " + std::to_string(first.split.train.size()) +
                              " images with lung masks to train on and " +
                              std::to_string(first.split.validation.size()) +
                              " to validate on; expected some of each");
  }
  begin_run(job);
  const FoldScores of_lungs = train_fold(first, observer);
  const TrainedModel lung = load_trained_model(first.run.path());

  const ModelPtr whole = recipe.model.make();
  const fs::path gated = job.run.path() / "gated.ggset";
  team().leader_first([&] {
    if (!fs::exists(gated)) write_gated(gated, job, lung, cascade_of(*whole), observer);
  });
  const PreparedSet behind(gated);
  if (behind.header().fingerprint != gated_fingerprint(job, lung, cascade_of(*whole).options())) {
    fail(ErrorKind::usage, gated.string() +
                               ": was made with another gate ([model] gate and threshold) or first "
                               "network; choose another folder");
  }
  const FoldJob second = {job.run.path() / "infection", stage_recipe(recipe, "infection"), &behind,
                          job.split, job.engine};
  const FoldScores trained = train_fold(second, observer);
  if (fs::exists(job.run.test_scores())) {
    FoldScores finished = read_fold_scores(job.run.test_scores());
    finished.fold = job.fold;
    return finished;
  }
  const TrainedModel infection = load_trained_model(second.run.path());
  join(job, lung, infection, *whole);
  ScoreOptions options = recipe.scoring(job.engine);
  options.threshold = infection.threshold;
  whole->to(job.engine.device);
  whole->eval();
  FoldScores scores = name_scores(score_entries(*whole, set, job.split.test, options), set.rows());
  scores.best_epoch = trained.best_epoch;
  scores.threshold = infection.threshold;
  scores.seconds = trained.seconds + of_lungs.seconds;
  if (team().leads()) write_fold_scores(job.run.test_scores(), scores);
  team().barrier("finishing " + job.run.string());
  scores.fold = job.fold;
  return scores;
}

}  // namespace groundglass
