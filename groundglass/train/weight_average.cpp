#include "groundglass/train/weight_average.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/train/weights.h"

namespace groundglass {
namespace {

void copy_weights(const std::map<std::string, torch::Tensor>& from, torch::nn::Module& model) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : named_weights(model)) tensor.copy_(from.at(name));
}

std::map<std::string, torch::Tensor> cloned(const torch::nn::Module& model) {
  auto all = named_weights(model);
  for (auto& [name, tensor] : all) tensor = tensor.clone();
  return all;
}

}  // namespace

WeightAverage::WeightAverage(const torch::nn::Module& model, double decay) : decay_(decay) {
  if (decay_ > 0) mean_ = cloned(model);
}

void WeightAverage::update(const torch::nn::Module& model) {
  if (decay_ <= 0) return;
  const torch::NoGradGuard no_grad;
  ++steps_;
  const auto t = static_cast<double>(steps_);
  const double decay = std::min(decay_, (1 + t) / (10 + t));
  std::vector<torch::Tensor> means, values;
  for (const auto& [name, tensor] : named_weights(model)) {
    auto& mean = mean_.at(name);
    if (!tensor.is_floating_point()) {
      mean.copy_(tensor);
      continue;
    }
    means.push_back(mean);
    values.push_back(tensor);
  }
  at::_foreach_mul_(means, decay);
  at::_foreach_add_(means, values, 1 - decay);
}

std::map<std::string, torch::Tensor> WeightAverage::state() const {
  auto all = mean_;
  if (decay_ > 0) all["average_steps"] = torch::tensor(steps_, torch::kInt64);
  return all;
}

void WeightAverage::load(const std::map<std::string, torch::Tensor>& state) {
  if (decay_ <= 0) return;
  const torch::NoGradGuard no_grad;
  const auto steps = state.find("average_steps");
  if (steps == state.end()) {
    fail(ErrorKind::checkpoint,
         "the training state has no averaged weights; [train] ema_decay was "
         "not set when it was written");
  }
  steps_ = steps->second.item<int64_t>();
  for (auto& [name, mean] : mean_) mean.copy_(state.at(name));
}

WeightAverage::Swapped::Swapped(const WeightAverage& average, torch::nn::Module& model)
    : model_(model) {
  if (average.decay_ <= 0) return;
  kept_ = cloned(model);
  copy_weights(average.mean_, model);
}

void WeightAverage::Swapped::restore() {
  if (kept_.empty()) return;
  copy_weights(kept_, model_);
  kept_.clear();
}

}  // namespace groundglass
