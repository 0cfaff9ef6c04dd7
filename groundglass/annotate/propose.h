#pragma once

#include <string>
#include <vector>

#include "groundglass/annotate/store.h"
#include "groundglass/core/events.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {

/// A network that proposes: one segmenter, or several (folds) whose probabilities are averaged.
struct Proposer {
  std::string name;  ///< as in the round
  std::vector<Segmenter*> segmenters;
  std::string weights_sha256;  ///< of the weights, or of their digests one after another
};

/// Mean over all pixels of -sum p log2 p, of two outcomes where the network knows one class, of the
/// background and each class otherwise: 0 where it is sure everywhere. Large lesions have long
/// borders, so an image with much infection has more of it than one with little.
///
/// probability  [F,H,W] float, in [0,1].
double entropy_bits(const torch::Tensor& probability);

/// Lets a network propose masks for cases, on their own grids, as pictures under
/// PROJECT/proposals/round_<n>/<network>/; cases that have a proposal of this network in this round
/// are left out. Each batch is kept in the store once its pictures are written, so a killed call
/// goes on where it stopped.
///
/// The threshold is the mean of the segmenters'.
/// Throws Stopped after a stop signal; Error(data) for unreadable images; Error(usage) for a
/// network that tells another number of classes apart than the project's masks.
void propose_cases(AnnotationStore& store, const Round& round, const Proposer& proposer,
                   const std::vector<AnnotationCase>& cases,
                   Observer& observer = silent_observer());

}  // namespace groundglass
