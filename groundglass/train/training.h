#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "groundglass/core/engine.h"
#include "groundglass/core/events.h"
#include "groundglass/data/loader.h"
#include "groundglass/data/split.h"
#include "groundglass/metrics/counts.h"
#include "groundglass/models/nn.h"
#include "groundglass/preprocess/preprocess_options.h"
#include "groundglass/train/train_options.h"

namespace groundglass {

/// What every training needs, whatever its network learns.
struct TrainingJob {
  TrainOptions options;
  AugmentOptions augment;
  Normalise normalise = Normalise::unit;
  const PreparedSet* set = nullptr;
  Split split;
  Engine engine;
  std::filesystem::path run;                         ///< folder for weights, state and logs
  std::map<std::string, std::string> weights_notes;  ///< metadata to store with the weights
  int64_t pause_after = 0;  ///< epochs after which it returns unfinished; 0: it goes to its end
};

struct TrainResult {
  int64_t epochs = 0;      ///< that were trained
  int64_t best_epoch = 0;  ///< 1 is the first
  double best_monitor = -1;
};

/// What is learned: a network, the loss of a batch and what an epoch is judged by.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  /// The network that is trained.
  virtual torch::nn::Module& network() const = 0;

  /// Called once, before the first step: brings other networks that take part to the engine.
  virtual void prepare(const Engine&) {}

  /// The loss, a scalar with its graph.
  ///
  /// image  [N,C,H,W] float32 of the batch, on the engine's device and in the training's layout.
  virtual torch::Tensor loss(const Batch& batch, const torch::Tensor& image,
                             const Engine& engine) = 0;

  /// What the network says of images [N,C,H,W], on the engine's device, where only its batch norms
  /// are listened to.
  virtual torch::Tensor run(const torch::Tensor& image) = 0;

  /// Probabilities and masks of the batch that loss() saw last, as this rank holds it; all zero
  /// where there are no masks.
  virtual SoftCounts last_batch() const { return {}; }

  /// Runs the network over the validation entries and fills in what it measures: validation_loss,
  /// monitor and, where there are masks, Dice. done.epoch is set.
  ///
  /// loader  without augmentation.
  virtual void validate(const LoaderOptions& loader, const Engine& engine, EpochDone& done) = 0;

  /// Writes progress.csv into the run folder, whole, so that a resumed run never doubles a line.
  virtual void write_progress(const std::filesystem::path& run,
                              const std::vector<EpochDone>& history) const = 0;

  /// What a stopped user is told to do.
  virtual std::string how_to_go_on() const = 0;

  /// What state.safetensors is called when it is something else.
  virtual std::string state_name() const { return "training state"; }
};

/// The one training loop. It keeps in the run folder:
///   weights.safetensors  of the epoch with the highest monitor
///   state.safetensors    what a resumed training needs; written each epoch and checkpoint_minutes
///   progress.csv         a line for each epoch
///
/// Batch norm's moving statistics start at mean 0 and variance 1. Until they have forgotten that
/// (forgetting_steps()), validation says nothing of the weights: the observer is told from which
/// step on it does, and patience counts from there. With norm_statistics 're-estimated' every epoch
/// is judged, and kept, with the exact statistics of reestimate_norms(); training goes on with the
/// moving ones, which no step depends on.
///
/// If the folder holds a state, training goes on from it, in mid-epoch if need be, and on the CPU
/// ends with the same bits as if it had never been interrupted: order, augmentation and dropout are
/// keyed by (seed, epoch, step), not by what came before.
///
/// With pause_after below options.epochs it returns once that many are done, to be gone on with by
/// a later call: schedules are those of the whole training, and nothing shows that there was a
/// pause. The network then holds the last weights.
///
/// In a team of several ranks (team()) all of them call it with the same job. options.batch_size
/// counts the images of all ranks, of which rank r takes the places r, r + W, ...; losses, batch
/// norm and gradients are those of the whole batch, so that the result is that of one process up to
/// the order of sums. Rank 0 alone writes and is heard by the observer. The folder holds nothing
/// that depends on the number of ranks: a training goes on with another number, and with the same
/// number ends with the same bits.
///
/// On SIGINT or SIGTERM (catch_stop_signals) the step is finished, the state written and Stopped
/// thrown, on all ranks at the same step. Afterwards the network holds the best weights.
///
/// Throws Error(recipe) for a batch smaller than the number of ranks, Error(data) if there is
/// nothing to train on, Error(checkpoint) if the state does not fit the job, Error(recipe) if the
/// loss stops being a number.
TrainResult run_training(const TrainingJob& job, TrainingTask& task, Observer& observer);

}  // namespace groundglass
