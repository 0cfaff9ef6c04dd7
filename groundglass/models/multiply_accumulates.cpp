#include "groundglass/models/multiply_accumulates.h"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

namespace groundglass {
namespace {

using Forward = std::function<torch::Tensor(const torch::Tensor&)>;

/// Multiply-accumulates of one forward pass on an image of that shape, by tracing it.
double traced_macs(torch::nn::Module& model, const Forward& forward, torch::IntArrayRef shape) {
  const torch::NoGradGuard no_grad;
  const bool training = model.is_training();
  model.eval();
  std::vector<std::pair<torch::Tensor, bool>> frozen;  // the tracer refuses trainable constants
  for (auto& p : model.parameters()) {
    frozen.emplace_back(p, p.requires_grad());
    p.set_requires_grad(false);
  }
  const auto traced = torch::jit::tracer::trace(
      {torch::zeros(shape)},
      [&](torch::jit::Stack inputs) {
        return torch::jit::Stack{forward(inputs.front().toTensor())};
      },
      [](const torch::autograd::Variable&) { return std::string(); });
  for (auto& [parameter, needed] : frozen) parameter.set_requires_grad(needed);
  model.train(training);

  double macs = 0;
  for (const auto* node : traced.first->graph->nodes()) {
    if (node->kind() != c10::Symbol::fromQualString("aten::_convolution")) continue;
    const auto sizes = [](const torch::jit::Value* v) {
      return *v->type()->expectRef<c10::TensorType>().sizes().concrete_sizes();
    };
    // weight is [out, in / groups, kh, kw], or [in, out / groups, kh, kw] when transposed
    const auto weight = sizes(node->input(1)), input = sizes(node->input(0));
    const auto output = sizes(node->output());
    const bool transposed = *torch::jit::constant_as<bool>(node->input(6));
    const auto& places = transposed ? input : output;  // one kernel is applied at each of these
    const double kernel = static_cast<double>(weight[0] * weight[1] * weight[2] * weight[3]);
    macs += kernel * static_cast<double>(places[0] * places[2] * places[3]);
  }
  return macs;
}

}  // namespace

double count_gmacs(torch::nn::Module& model, const Forward& forward, int64_t channels,
                   int64_t stride, std::array<int64_t, 2> size) {
  const int64_t s = stride, area = size[0] * size[1];
  if (area <= 4 * s * s) return traced_macs(model, forward, {1, channels, size[0], size[1]}) / 1e9;
  const double small = traced_macs(model, forward, {1, channels, s, s});
  const double large = traced_macs(model, forward, {1, channels, 2 * s, 2 * s});
  const double per_pixel = (large - small) / static_cast<double>(3 * s * s);
  return (small + per_pixel * static_cast<double>(area - s * s)) / 1e9;
}

}  // namespace groundglass
