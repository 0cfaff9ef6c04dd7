#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/train/train_options.h"

namespace groundglass {

/// Changes parameters against their gradients. All parameters are updated by a handful of calls
/// over lists (at::_foreach_*) instead of a loop with a dozen calls for each.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One update with the gradients as they stand. Parameters without a gradient are left alone.
  virtual void step(double learning_rate) = 0;

  /// Everything that a resumed training needs, by name; `load` takes it back.
  virtual std::map<std::string, torch::Tensor> state() const = 0;
  virtual void load(const std::map<std::string, torch::Tensor>& state) = 0;
};

/// Adam as Keras computes it: p -= lr mhat / (sqrt(vhat) + eps), with bias-corrected moments.
///
/// Kingma, Ba, ICLR 2015, https://arxiv.org/abs/1412.6980, algorithm 1. With weight_decay, weights
/// shrink by learning_rate * weight_decay (Loshchilov, Hutter, "AdamW", ICLR 2019).
/// Differs: nothing known; eps is added to the root of the corrected second moment, as in Keras 3
/// and LibTorch.
///
/// SGD: v = momentum v + g (+ weight_decay p); p -= lr v.
std::unique_ptr<Optimizer> make_optimizer(std::vector<torch::Tensor> parameters,
                                          const TrainOptions& options);

/// Scales all gradients so that their common norm is at most `limit`. Returns the norm before.
double clip_gradients(const std::vector<torch::Tensor>& parameters, double limit);

}  // namespace groundglass
