#pragma once

#include "groundglass/core/events.h"
#include "groundglass/data/split.h"
#include "groundglass/train/answers.h"
#include "groundglass/train/import_weights.h"
#include "groundglass/train/train_options.h"

namespace groundglass {

/// A network that is to start from a file of weights, and the training before which it does.
struct WeightsStart {
  torch::nn::Module& network;
  Network run;  ///< leads images through it
  const ImportOptions& file;
  const TrainOptions& training;
  Normalise normalise = Normalise::unit;
  const PreparedSet* set = nullptr;
  const Split& split;
};

/// Images that the batch norms of a folded file are settled on, at most.
constexpr int64_t kSettlingImages = 64;

/// Imports the weights (import_weights()) and tells the observer, as a warning, what was taken and
/// what was not. Where the file's batch norm is folded, the batch norms that stand for it are
/// settled (settle_norms()) on training images without augmentation: kSettlingImages of them, drawn
/// by the recipe's seed. Throws as these do.
void start_with_weights(const WeightsStart& start, Observer& observer);

}  // namespace groundglass
