#include "groundglass/runs/combined_run.h"

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/models/mean_of_members.h"
#include "groundglass/runs/trained_model.h"
#include "groundglass/train/trainer.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSideOutputs = "side_outputs";

/// The recipe without what only training needs, and with so many members.
Recipe recipe_of(const TrainedModel& trained, size_t members) {
  std::vector<std::string> changes = {"train.side_weight=0"};
  if (members > 1) changes.push_back("model.members=" + std::to_string(members));
  if (trained.recipe.model.fields.find(kSideOutputs) != std::string::npos) {
    changes.push_back(std::string("model.") + kSideOutputs + "=0");
  }
  return parse_recipe(trained.recipe.resolved(), trained.name, changes);
}

/// What runs must have in common, by name.
std::vector<std::pair<std::string, std::string>> common_ground(const TrainedModel& trained) {
  const Recipe recipe = recipe_of(trained, 1);
  return {
      {"network", recipe.model.name + "\n" + recipe.model.fields},
      {"preparation", preprocess_text(recipe.preprocess) + word_of(recipe.preprocess.normalise)},
      {"split", read_file(RunFolder(trained.path).split())}};
}

void check_alike(const TrainedModel& first, const TrainedModel& other) {
  const auto wanted = common_ground(first), found = common_ground(other);
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].second == found[i].second) continue;
    fail(ErrorKind::usage, other.name + ": has another " + wanted[i].first + " than " + first.name +
                               ", expected runs that differ in their training alone");
  }
}

}  // namespace

FoldScores combine_runs(const fs::path& out, const std::vector<fs::path>& runs,
                        const PreparedSet& set, const Engine& engine) {
  if (runs.size() < 2) {
    fail(ErrorKind::usage,
         std::to_string(runs.size()) + " run to combine, expected two run folders at least");
  }
  std::vector<TrainedModel> members;
  std::vector<std::string> sums;
  for (const auto& run : runs) {
    if (!fs::exists(RunFolder(run).split())) {
      fail(ErrorKind::usage,
           run.string() + ": holds no split.json, expected the folder of a finished run");
    }
    if (has_unfinished_state(run)) {
      fail(ErrorKind::usage, run.string() + ": its training has not ended; go on with it first");
    }
    members.push_back(load_trained_model(run));
    if (members.back().recipe.model.fields.find("members = ") != std::string::npos) {
      fail(ErrorKind::usage, run.string() +
                                 ": is a mean of several networks already, expected runs "
                                 "of one network each; name its members instead");
    }
    check_alike(members.front(), members.back());
    sums.push_back(members.back().weights_sha256);
  }
  const Recipe recipe = recipe_of(members.front(), members.size());
  check_set_fits(recipe, set);
  const FoldJob job = {out, recipe, &set,
                       RunFolder(runs.front()).read_split(set, "which rows are which"), engine};

  std::map<std::string, torch::Tensor> weights;
  for (size_t i = 0; i < members.size(); ++i) {
    for (const auto& [name, tensor] : named_weights(*members[i].model)) {
      if (name.rfind("side_heads.", 0) != 0) weights[member_prefix(i) + name] = tensor;
    }
  }
  const ModelPtr model = recipe.model.make();
  load_weights(*model, weights, listed(sums));
  model->to(engine.device);
  auto notes = weights_notes(recipe, recipe.evaluate.threshold);
  notes["members"] = joined(sums, " ");
  if (members.front().typicality) notes["typicality"] = members.front().typicality->json();
  begin_run(job);
  write_safetensors(job.run.weights(), {named_weights(*model), notes});
  return score_fold(job, *model);
}

}  // namespace groundglass
