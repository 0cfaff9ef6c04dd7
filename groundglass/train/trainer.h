#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "groundglass/core/events.h"
#include "groundglass/data/split.h"
#include "groundglass/train/score.h"
#include "groundglass/train/train_options.h"

namespace groundglass {

/// Another network whose answers are learned beside the masks.
struct Teacher {
  ModelPtr model;
  /// of the network's logits, the teacher's, both [N,K,H,W], and the target [N,H,W]:
  /// distillation_loss
  std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&, const torch::Tensor&)>
      loss;
  double weight = 0.5;  ///< of this loss; that to the masks has the rest
};

/// Everything one training needs. The caller has built the network and the loss from a recipe.
struct TrainJob {
  ModelPtr model;
  LossFunction loss;
  TrainOptions options;
  AugmentOptions augment;
  std::string normalise = "unit";
  double threshold = 0.5;
  const PreparedSet* set = nullptr;
  Split split;
  Engine engine;
  std::filesystem::path run;                         ///< folder for weights, state and logs
  std::map<std::string, std::string> weights_notes;  ///< metadata to store with the weights
  std::optional<Teacher> teacher;
  int64_t pause_after = 0;  ///< epochs after which it returns unfinished; 0: it goes to its end
};

struct TrainResult {
  int64_t epochs = 0;      ///< that were trained
  int64_t best_epoch = 0;  ///< 1 is the first
  double best_monitor = -1;
};

/// Trains, keeping in the run folder:
///   weights.safetensors  of the epoch with the highest monitor on the validation entries
///   state.safetensors    what a resumed training needs; written each epoch and checkpoint_minutes
///   progress.csv         a line for each epoch
///
/// If the folder holds a state, training goes on from it, in mid-epoch if need be, and on the CPU
/// ends with the same bits as if it had never been interrupted: order, augmentation and dropout are
/// keyed by (seed, epoch, step), not by what came before.
///
/// With pause_after below options.epochs it returns once that many are done, to be gone on with by
/// a later call: schedules are those of the whole training, and nothing shows that there was a
/// pause. job.model then holds the last weights.
///
/// On SIGINT or SIGTERM (catch_stop_signals) the step is finished, the state written and Stopped
/// thrown. Afterwards job.model holds the best weights.
///
/// Throws Error(checkpoint) if the state does not fit the job, Error(recipe) if the loss stops
/// being a number.
TrainResult train(const TrainJob& job, Observer& observer = silent_observer());

/// True if the folder holds the state of a training that has not ended.
bool has_unfinished_state(const std::filesystem::path& run);

}  // namespace groundglass
