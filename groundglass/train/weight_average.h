#pragma once

#include <map>
#include <string>
#include <vector>

#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// A running mean of a network's weights and statistics over the training steps; it generalises
/// better than the last step's weights. The decay grows from 0.1 to its final value, min(decay,
/// (1 + t) / (10 + t)), so that the start is forgotten.
///
/// Polyak, Juditsky, SIAM J. Control Optim. 30 (1992) 838; the warm-up is TensorFlow's.
class WeightAverage {
 public:
  WeightAverage() = default;

  /// decay 0 makes every method do nothing.
  WeightAverage(const torch::nn::Module& model, double decay);

  void update(const torch::nn::Module& model);

  std::map<std::string, torch::Tensor> state() const;
  void load(const std::map<std::string, torch::Tensor>& state);

  /// While it lives, the network holds the mean; `restore` (or its end) puts the weights back.
  class Swapped {
   public:
    Swapped(const WeightAverage& average, torch::nn::Module& model);
    ~Swapped() { restore(); }
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;
    void restore();

   private:
    torch::nn::Module& model_;
    std::map<std::string, torch::Tensor> kept_;
  };

 private:
  double decay_ = 0;
  int64_t steps_ = 0;
  std::map<std::string, torch::Tensor> mean_;
};

}  // namespace groundglass
