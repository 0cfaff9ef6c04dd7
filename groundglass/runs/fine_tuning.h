#pragma once

#include <string>

#include "groundglass/data/dataset.h"
#include "groundglass/runs/fine_tuning_cases.h"
#include "groundglass/runs/fold_job.h"
#include "groundglass/runs/run_settings.h"

namespace groundglass {

/// A training that begins with a network's weights and goes on with other cases.
struct FineTuning {
  std::string model;  ///< as load_chosen_model() takes it
  Dataset dataset;    ///< images with masks
  DataOptions data;   ///< what the masks mean
  RunFolder run;      ///< of the new network; its prepared set lies there, too
  int64_t epochs = kFineTuningEpochs;
  RunSettings settings = {};
};

/// How the step size of a fine-tuning relates to that of the training it goes on from.
constexpr double kFineTuningStep = 0.1;

/// The recipe of a fine-tuning: the model's own, but for its first weights, kFineTuningStep times
/// its step size, the epochs, what the masks mean, and at most as many folds as there are patients,
/// which stay apart. Throws Error(usage) for a network that is trained in stages (a cascade).
Recipe fine_tuning_recipe(const TrainedModel& base, const FineTuning& job);

/// Prepares the cases and trains as `train` does, in job.run, with train_visibly(). A call in a
/// folder where this was begun goes on with what is there, cases included. Throws as these do and
/// as check_enough_cases().
FoldScores fine_tune(const FineTuning& job, Observer& console);

}  // namespace groundglass
