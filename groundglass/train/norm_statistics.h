#pragma once

#include <memory>
#include <string>
#include <vector>

#include "groundglass/train/answers.h"

namespace groundglass {

/// After so many training steps the statistics that batch norm started with weigh less than a
/// hundredth of its moving ones: ln .01 / ln (1 - momentum), of the slowest layer that still has a
/// mean of 0 and a variance of 1 everywhere. 459 for Keras' .99 (.01 here), 44 for LibTorch's
/// .1. 0 where no layer stands at its start, as in a network that begins with trained weights.
int64_t forgetting_steps(const torch::nn::Module& network);

/// Keeps the moving statistics of all batch norms and gives them back at its end.
class KeptNormStatistics {
 public:
  explicit KeptNormStatistics(const torch::nn::Module& network);
  ~KeptNormStatistics();
  KeptNormStatistics(const KeptNormStatistics&) = delete;
  KeptNormStatistics& operator=(const KeptNormStatistics&) = delete;

 private:
  std::vector<std::pair<torch::Tensor, torch::Tensor>> kept_;  ///< the buffer, what it held
};

/// How batch norms are listened to.
struct NormPass {
  LoaderOptions loader;  ///< without augmentation
  Engine engine;
  double mix = 1;  ///< share of the entries' statistics in the result; 1 forgets the old ones
  std::string when_stopped = "stopped while looking at activations";
};

/// Replaces the moving mean and variance of every batch norm by the exact ones over the entries:
/// one pass in which batch norm alone is in training mode and batches are normalised by themselves,
/// as in a training step. Mean and variance are those of all pixels of all batches together. No
/// weight is changed and no label looked at; a layer that no image reaches keeps what it had.
///
/// Wu, Johnson, "Rethinking 'batch' in BatchNorm", https://arxiv.org/abs/2105.07576, section 3
/// ("PreciseBN"). Differs: pixels of all batches are pooled, where they average the batches'
/// moments.
///
/// In a team of several ranks all of them call it: each looks at every size-th batch, and all get
/// the statistics of one process, to the bit on processors of one kind.
///
/// run      what leads images through the network.
/// returns  how many layers were listened to; without any nothing is run.
/// throws   Error(data) for no entries, Stopped if a stop signal came.
int64_t reestimate_norms(torch::nn::Module& network, const Network& run, const PreparedSet& set,
                         const std::vector<Entry>& entries, const NormPass& pass);

/// Gives some batch norms the moving statistics of the entries and, at the same time, the scale and
/// offset with which the network answers in evaluation mode as before (to rounding). Batch norms
/// that stand for a bias (unfold_norms()) need it before a training: in training mode, where
/// batches are normalised by themselves, the network begins with about the answers of its weights
/// instead of maps whose variance has become 1 everywhere.
///
/// One pass in evaluation mode, on the processor in float32; each rank of a team looks at all
/// entries.
///
/// norms   names of batch norms with scale and offset; others are an Error(internal)
/// run     what leads images through the network
/// loader  without augmentation
/// throws  Error(data) for no entries, Stopped if a stop signal came
void settle_norms(torch::nn::Module& network, const std::vector<std::string>& norms,
                  const Network& run, const PreparedSet& set, const std::vector<Entry>& entries,
                  const LoaderOptions& loader);

}  // namespace groundglass
