#pragma once

#include <functional>
#include <string>
#include <vector>

#include "groundglass/core/engine.h"
#include "groundglass/data/loader.h"
#include "groundglass/distributed/team.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// images [N,C,H,W] float32 -> logits [N,K,..].
using Network = std::function<torch::Tensor(const torch::Tensor& images)>;

/// How a network is shown the slices of a set.
struct AnswerOptions {
  LoaderOptions loader;
  Engine engine;
  int64_t views = 1;                                   ///< of each picture, see mean_of_views()
  std::string when_stopped = "stopped while scoring";  ///< message of Stopped
};

/// What a network says of one batch.
struct Answer {
  const Batch& batch;    ///< on the processor
  torch::Tensor logits;  ///< [N,K,H,W] float32, on the engine's device
  double seconds = 0;    ///< from the images on the processor to these logits
};

/// The logits [N,K,..] (float32, on the engine's device) that a network says of `images`
/// [N,C,H,W]: in the engine's precision, as the mean of `views` (1, 2 or 4). No graph is kept. The
/// network has to be on the device. Throws Error(recipe) for another number of views.
torch::Tensor answer(const Network& network, const torch::Tensor& images, const Engine& engine,
                     int64_t views = 1);

/// The same of a segmentation network.
torch::Tensor answer(SegmentationModel& model, const torch::Tensor& images, const Engine& engine,
                     int64_t views = 1);

/// Hands the batches of `entries` over in their order, with `model` in evaluation mode and without
/// gradients; afterwards, and after an exception, the model is in the mode in which it came.
/// Throws Stopped(when_stopped) between two batches if a stop signal came; in a team of several
/// ranks, which all have to call it, after the last one, on all of them.
void for_each_batch(torch::nn::Module& model, const PreparedSet& set,
                    const std::vector<Entry>& entries, const LoaderOptions& loader,
                    const std::string& when_stopped,
                    const std::function<void(const Batch&)>& visit);

/// The entries of the batches that a rank looks at: every size-th one, the same as those of one
/// process. All of them in a team of one.
std::vector<Entry> entries_of_rank(const std::vector<Entry>& entries, int64_t batch_size,
                                   const Team& ranks);

/// for_each_batch() with the network's answer to each batch: the one loop from slices to logits.
void for_each_answer(SegmentationModel& model, const PreparedSet& set,
                     const std::vector<Entry>& entries, const AnswerOptions& options,
                     const std::function<void(const Answer&)>& visit);

}  // namespace groundglass
