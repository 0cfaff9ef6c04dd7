#include "groundglass/recipe/staged_training.h"

#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

const ModelSpec& stage(const Recipe& recipe, const std::string& part) {
  for (const auto& spec : recipe.model.stages) {
    if (spec.part == part) return spec;
  }
  fail(ErrorKind::recipe, recipe.model.name +
                              " is no cascade of lungs and infection; expected "
                              "model.name = \"chs_net\" with [cascade]");
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

/// Writes the images behind the first network's mask; a killed call goes on where it stopped.
void write_gated(const fs::path& path, const PreparedSet& set, const TrainedModel& lung,
                 const Engine& engine, Observer& observer) {
  PreparedHeader header = set.header();
  header.fingerprint = sha256(header.fingerprint + lung.weights_sha256);
  PreparedSetWriter writer(path, header);
  lung.model->to(engine.device);
  std::vector<Entry> entries;
  for (int64_t row = 0; row < set.size(); ++row) entries.push_back({row, 0, 0});
  ScoreOptions options = lung.recipe.scoring(engine);
  options.when_stopped = "stopped; run it again to go on";
  for_each_answer(*lung.model, set, entries, options, [&](const Answer& a) {
    const auto inside = (probabilities(a.logits).sum(1, true) > 0.5).to(torch::kCPU);
    for (size_t i = 0; i < a.batch.rows.size(); ++i) {
      const int64_t row = a.batch.rows[i];
      const auto gate = inside[static_cast<int64_t>(i)].to(torch::kUInt8);
      if (!writer.has(row)) writer.write(row, set.image(row) * gate, set.mask(row));
    }
    observer.on(Progress{"predicted lungs", a.batch.rows.back() + 1, set.size(), ""});
  });
  writer.finish();
}

/// The two trained networks under one roof, in the run's own folder.
void join(const fs::path& run, const Recipe& recipe, const TrainedModel& lung,
          const TrainedModel& infection, SegmentationModel& whole) {
  std::map<std::string, torch::Tensor> weights;
  for (const auto& [name, tensor] : named_weights(*lung.model)) weights["lung." + name] = tensor;
  for (const auto& [name, tensor] : named_weights(*infection.model)) {
    weights["infection." + name] = tensor;
  }
  load_weights(whole, weights, run.string());
  write_safetensors(run / "weights.safetensors",
                    {weights, weights_notes(recipe, infection.threshold)});
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

FoldScores train_stages(const fs::path& run, const Recipe& recipe, const PreparedSet& set,
                        const PreparedSet& lungs, const Split& split, const Engine& engine,
                        Observer& observer) {
  const Recipe first = lung_recipe(recipe);
  const Split lung_split = {with_lungs(split.train, set, lungs),
                            with_lungs(split.validation, set, lungs),
                            with_lungs(split.test, set, lungs)};
  if (lung_split.train.empty() || lung_split.validation.empty()) {
    fail(ErrorKind::data, "the first network has " + std::to_string(lung_split.train.size()) +
                              " images with lung masks to train on and " +
                              std::to_string(lung_split.validation.size()) +
                              " to validate on; expected some of each");
  }
  begin_run(run, recipe, split, set, engine);
  train_fold(run / "lung", first, lungs, lung_split, engine, observer);
  const TrainedModel lung = load_trained_model(run / "lung");

  const fs::path gated = run / "gated.ggset";
  if (!fs::exists(gated)) {
    write_gated(gated, set, lung, engine, observer);
  }
  const PreparedSet behind(gated);
  FoldScores scores = train_fold(run / "infection", stage_recipe(recipe, "infection"), behind,
                                 split, engine, observer);
  if (fs::exists(run / "test.json")) return read_fold_scores(run / "test.json");

  const TrainedModel infection = load_trained_model(run / "infection");
  const ModelPtr whole = recipe.model.make();
  join(run, recipe, lung, infection, *whole);
  ScoreOptions options = recipe.scoring(engine);
  options.threshold = infection.threshold;
  whole->to(engine.device);
  whole->eval();
  FoldScores out = name_scores(score_entries(*whole, set, split.test, options), set.rows());
  out.best_epoch = scores.best_epoch;
  out.threshold = infection.threshold;
  out.seconds = scores.seconds + read_fold_scores(run / "lung" / "test.json").seconds;
  write_fold_scores(run / "test.json", out);
  return out;
}

}  // namespace groundglass
