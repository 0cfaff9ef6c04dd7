#pragma once

#include <functional>
#include <optional>

#include "groundglass/train/score.h"
#include "groundglass/train/training.h"

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

/// Everything one training of a segmentation network needs. The caller has built the network and
/// the loss from a recipe.
struct TrainJob : TrainingJob {
  ModelPtr model;
  LossFunction loss;
  double threshold = 0.5;  ///< of validation scores
  std::optional<Teacher> teacher;
};

/// Trains on masks, with run_training()'s files and guarantees; the monitor is measured on the
/// validation entries, one view of each. Afterwards job.model holds the best weights.
///
/// Throws Error(data) for a split without training or validation rows, Error(recipe) for a
/// side_weight of a network without side outputs, an edge_weight of one that is no Inf-Net, and
/// what run_training() throws.
TrainResult train(const TrainJob& job, Observer& observer = silent_observer());

/// Where the foreground of masks begins or ends: pixels of whose 3 x 3 neighbours some are
/// foreground and some are not. Ignored pixels stay ignored.
///
/// target [N,H,W] uint8 class numbers -> [N,H,W] uint8, 0 and 1.
torch::Tensor edges_of(const torch::Tensor& target);

/// True if the folder holds the state of a training that has not ended.
bool has_unfinished_state(const std::filesystem::path& run);

}  // namespace groundglass
