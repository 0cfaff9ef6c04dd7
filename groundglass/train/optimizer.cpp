#include "groundglass/train/optimizer.h"

#include <cmath>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

using TensorVector = std::vector<torch::Tensor>;

TensorVector zeros_like_all(const TensorVector& like) {
  TensorVector out;
  for (const auto& t : like) out.push_back(torch::zeros_like(t));
  return out;
}

/// Copies named tensors back into place. Throws Error(checkpoint) if one is missing.
void restore(const std::map<std::string, torch::Tensor>& state, const std::string& prefix,
             TensorVector& into) {
  for (size_t i = 0; i < into.size(); ++i) {
    const auto found = state.find(prefix + std::to_string(i));
    if (found == state.end() || found->second.sizes() != into[i].sizes()) {
      fail(ErrorKind::checkpoint, "the optimiser's state lacks " + prefix + std::to_string(i) +
                                      " or holds it in another shape; the checkpoint belongs to "
                                      "another network or optimiser");
    }
    into[i].copy_(found->second);
  }
}

/// Parameters that have a gradient now, with it and with their share of other lists.
struct Active {
  TensorVector parameters, gradients, first, second;
};

Active active(const TensorVector& parameters, const TensorVector& first,
              const TensorVector& second) {
  Active a;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].grad().defined()) continue;
    a.parameters.push_back(parameters[i]);
    a.gradients.push_back(parameters[i].grad());
    if (!first.empty()) a.first.push_back(first[i]);
    if (!second.empty()) a.second.push_back(second[i]);
  }
  return a;
}

class Adam final : public Optimizer {
 public:
  Adam(TensorVector parameters, const TrainOptions& options)
      : parameters_(std::move(parameters)),
        mean_(zeros_like_all(parameters_)),
        square_(zeros_like_all(parameters_)),
        options_(options) {}

  void step(double learning_rate) override {
    const torch::NoGradGuard no_grad;
    ++steps_;
    auto a = active(parameters_, mean_, square_);
    if (a.parameters.empty()) return;
    const double b1 = options_.adam_beta1, b2 = options_.adam_beta2;
    if (options_.weight_decay > 0) {
      at::_foreach_mul_(a.parameters, 1 - learning_rate * options_.weight_decay);
    }
    at::_foreach_mul_(a.first, b1);
    at::_foreach_add_(a.first, a.gradients, 1 - b1);
    at::_foreach_mul_(a.second, b2);
    at::_foreach_addcmul_(a.second, a.gradients, a.gradients, 1 - b2);
    const double correction1 = 1 - std::pow(b1, steps_), correction2 = 1 - std::pow(b2, steps_);
    auto below = at::_foreach_sqrt(a.second);
    at::_foreach_div_(below, std::sqrt(correction2));
    at::_foreach_add_(below, options_.adam_eps);
    at::_foreach_addcdiv_(a.parameters, a.first, below, -learning_rate / correction1);
  }

  std::map<std::string, torch::Tensor> state() const override {
    std::map<std::string, torch::Tensor> all;
    for (size_t i = 0; i < mean_.size(); ++i) {
      all["mean." + std::to_string(i)] = mean_[i];
      all["square." + std::to_string(i)] = square_[i];
    }
    all["steps"] = torch::tensor(steps_, torch::kInt64);
    return all;
  }

  void load(const std::map<std::string, torch::Tensor>& state) override {
    restore(state, "mean.", mean_);
    restore(state, "square.", square_);
    const auto steps = state.find("steps");
    if (steps == state.end()) fail(ErrorKind::checkpoint, "the optimiser's state lacks steps");
    steps_ = steps->second.item<int64_t>();
  }

 private:
  TensorVector parameters_, mean_, square_;
  TrainOptions options_;
  int64_t steps_ = 0;
};

class Sgd final : public Optimizer {
 public:
  Sgd(TensorVector parameters, const TrainOptions& options)
      : parameters_(std::move(parameters)),
        velocity_(zeros_like_all(parameters_)),
        options_(options) {}

  void step(double learning_rate) override {
    const torch::NoGradGuard no_grad;
    auto a = active(parameters_, velocity_, {});
    if (a.parameters.empty()) return;
    at::_foreach_mul_(a.first, options_.momentum);
    at::_foreach_add_(a.first, a.gradients, 1);
    if (options_.weight_decay > 0) {
      at::_foreach_add_(a.first, a.parameters, options_.weight_decay);
    }
    at::_foreach_add_(a.parameters, a.first, -learning_rate);
  }

  std::map<std::string, torch::Tensor> state() const override {
    std::map<std::string, torch::Tensor> all;
    for (size_t i = 0; i < velocity_.size(); ++i)
      all["velocity." + std::to_string(i)] = velocity_[i];
    return all;
  }

  void load(const std::map<std::string, torch::Tensor>& state) override {
    restore(state, "velocity.", velocity_);
  }

 private:
  TensorVector parameters_, velocity_;
  TrainOptions options_;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(std::vector<torch::Tensor> parameters,
                                          const TrainOptions& options) {
  if (options.optimizer == OptimizerKind::sgd)
    return std::make_unique<Sgd>(std::move(parameters), options);
  return std::make_unique<Adam>(std::move(parameters), options);
}

double clip_gradients(const std::vector<torch::Tensor>& parameters, double limit) {
  const torch::NoGradGuard no_grad;
  auto a = active(parameters, {}, {});
  if (a.gradients.empty()) return 0;
  const auto norms = at::_foreach_norm(a.gradients, 2);
  const double norm = torch::stack(norms).norm().item<double>();
  if (limit > 0 && norm > limit) at::_foreach_mul_(a.gradients, limit / (norm + 1e-6));
  return norm;
}

}  // namespace groundglass
