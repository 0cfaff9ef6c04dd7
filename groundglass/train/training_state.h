#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/metrics/counts.h"
#include "groundglass/train/optimizer.h"
#include "groundglass/train/weight_average.h"

namespace groundglass {

/// Where a training stands, beside its weights.
struct TrainingState {
  int64_t epoch = 0;       ///< epochs that are finished
  int64_t step = 0;        ///< steps of the current epoch that are finished
  double loss_sum = 0;     ///< over those steps
  SoftCounts soft;         ///< over those steps, for the training Dice
  int64_t best_epoch = 0;  ///< 1 is the first; 0 for none yet
  double best_monitor = -1;
  bool finished = false;
  /// Steps after which batch norm's moving statistics have forgotten their start, 0 where there is
  /// nothing to forget; -1 until it is known (a state of an earlier version: nothing to forget).
  int64_t forgetting_steps = -1;
  std::vector<EpochDone> history;
};

bool state_exists(const std::filesystem::path& run);
bool state_is_finished(const std::filesystem::path& run);

/// Writes state.safetensors: weights, optimiser, averaged weights and the numbers above.
void save_state(const std::filesystem::path& run, const TrainingState& state,
                const torch::nn::Module& network, const Optimizer& optimizer,
                const WeightAverage& average);

/// Reads it back; also the state of a classifier as earlier versions wrote it. Throws
/// Error(checkpoint) if it is damaged or belongs to another network; `what` is what it says the
/// file should have been.
TrainingState load_state(const std::filesystem::path& run, torch::nn::Module& network,
                         Optimizer& optimizer, WeightAverage& average,
                         const std::string& what = "training state");

/// The epochs of a run folder so far. Throws Error(checkpoint) if its state is damaged.
std::vector<EpochDone> read_history(const std::filesystem::path& run);

/// The history as a table, written whole so that a resumed run never doubles a line.
void write_progress_csv(const std::filesystem::path& run, const std::vector<EpochDone>& history);

}  // namespace groundglass
