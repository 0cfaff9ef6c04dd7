#include "groundglass/models/segmentation_model.h"

#include <sstream>

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include "groundglass/core/error.h"

namespace groundglass {

Prediction SegmentationModel::forward(const torch::Tensor& image) {
  const int64_t s = stride(), c = in_channels();
  const auto up = [s](int64_t n) { return std::max<int64_t>(1, (n + s - 1) / s) * s; };
  const auto fits = [s](int64_t n) { return n > 0 && n % s == 0; };
  if (image.dim() != 4 || image.size(1) != c || !fits(image.size(2)) || !fits(image.size(3))) {
    std::ostringstream text;
    text << name() << ": image is " << image.sizes() << ", expected [N," << c
         << ",H,W] with H and W multiples of " << s;
    if (image.dim() == 4) {
      text << "; [" << image.size(0) << ", " << c << ", " << up(image.size(2)) << ", "
           << up(image.size(3)) << "] would work";
    }
    fail(ErrorKind::usage, text.str());
  }
  return decode(encode(image));
}

const std::vector<int64_t>& checked_widths(const std::vector<int64_t>& widths) {
  if (widths.empty())
    fail(ErrorKind::recipe, "widths is empty, expected one number for each scale");
  return widths;
}

ParameterCount count_parameters(const torch::nn::Module& module) {
  ParameterCount count;
  for (const auto& p : module.parameters()) {
    (p.requires_grad() ? count.trainable : count.non_trainable) += p.numel();
  }
  for (const auto& b : module.named_buffers()) {
    const bool counter = b.key().find("num_batches_tracked") != std::string::npos;
    if (!counter) count.non_trainable += b.value().numel();
  }
  return count;
}

double count_gmacs(SegmentationModel& model, int64_t height, int64_t width) {
  const torch::NoGradGuard no_grad;
  const bool training = model.is_training();
  model.eval();
  std::vector<std::pair<torch::Tensor, bool>> frozen;  // the tracer refuses trainable constants
  for (auto& p : model.parameters()) {
    frozen.emplace_back(p, p.requires_grad());
    p.set_requires_grad(false);
  }
  const auto traced = torch::jit::tracer::trace(
      {torch::zeros({1, model.in_channels(), height, width})},
      [&](torch::jit::Stack inputs) {
        return torch::jit::Stack{model.forward(inputs.front().toTensor()).logits};
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
  return macs / 1e9;
}

}  // namespace groundglass
