#include "groundglass/explain/activation_maximisation.h"

#include <algorithm>
#include <limits>

#include <ATen/CPUGeneratorImpl.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// Puts a network in evaluation mode with a watcher, and back as it was.
class Watching {
 public:
  Watching(SegmentationModel& model, LayerWatcher watcher)
      : model_(model), training_(model.is_training()) {
    model_.eval();
    model_.watch_layers(std::move(watcher));
  }
  ~Watching() {
    model_.watch_layers({});
    model_.train(training_);
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  SegmentationModel& model_;
  bool training_;
};

size_t layer_index(const SegmentationModel& model, const std::string& layer) {
  const auto names = model.layer_names();
  const auto found = std::find(names.begin(), names.end(), layer);
  if (found == names.end()) {
    fail(ErrorKind::usage,
         "no layer " + in_quotes(layer) + " in this network; it has " + listed(names));
  }
  return static_cast<size_t>(found - names.begin());
}

torch::Tensor total_variation(const torch::Tensor& image) {
  return image.diff(1, 2).abs().mean() + image.diff(1, 3).abs().mean();
}

/// Among earlier layers the one that the activation reads, with its gradient: the latest of the
/// activation's own size, or else the latest.
std::pair<torch::Tensor, torch::Tensor> read_by(const torch::Tensor& activation,
                                                const std::vector<torch::Tensor>& earlier) {
  const auto gradients = torch::autograd::grad({activation.mean()}, earlier, {}, {}, false,
                                               /*allow_unused=*/true);
  std::pair<torch::Tensor, torch::Tensor> latest;
  bool same_size = false;
  for (size_t i = 0; i < earlier.size(); ++i) {
    const bool same = earlier[i].size(2) == activation.size(2);
    if (!gradients[i].defined() || (same_size && !same)) continue;
    latest = {earlier[i], gradients[i]};
    same_size = same;
  }
  return latest;
}

torch::Tensor driven(const torch::Tensor& activation, int64_t filter) {
  if (filter < 0) return activation.mean();
  if (filter >= activation.size(1)) {
    fail(ErrorKind::usage, "no filter " + std::to_string(filter) + " in this layer; it has 0 to " +
                               std::to_string(activation.size(1) - 1));
  }
  return activation.select(1, filter).mean();
}

}  // namespace

torch::Tensor activation_map(SegmentationModel& model, const torch::Tensor& image,
                             const std::string& layer) {
  if (layer_index(model, layer) == 0) {
    fail(ErrorKind::usage, "layer " + in_quotes(layer) + " has none before it; choose one of " +
                               listed(model.layer_names()));
  }
  const torch::AutoGradMode with_gradients(true);
  std::vector<torch::Tensor> earlier;  // leaves, so that only what the layer reads has a gradient
  torch::Tensor activation;
  const Watching watching(model, [&](const std::string& name, torch::Tensor output) {
    if (name == layer) activation = output;
    if (activation.defined()) return output;
    earlier.push_back(output.detach().requires_grad_(true));
    return earlier.back();
  });
  model.forward(image);
  const std::vector<int64_t> size = {image.size(2), image.size(3)};
  const auto [before, gradient] = read_by(activation, earlier);
  if (!gradient.defined()) return torch::zeros(size);
  const auto weights = gradient.mean(torch::IntArrayRef{2, 3}, true);
  const auto heat = torch::relu((weights * before.detach()).sum(1, true));
  const auto full = torch::upsample_bilinear2d(heat, size, false).squeeze(0).squeeze(0);
  const auto low = full.min();
  return (full - low) / (full.max() - low).clamp_min(1e-12);
}

torch::Tensor activation_pattern(SegmentationModel& model, int64_t side,
                                 const PatternOptions& options) {
  layer_index(model, options.layer);
  const torch::AutoGradMode with_gradients(true);
  torch::Tensor activation;
  const Watching watching(model, [&](const std::string& name, torch::Tensor output) {
    if (name == options.layer) activation = output;
    return output;
  });
  auto generator = at::make_generator<at::CPUGeneratorImpl>(options.seed);
  auto image =
      torch::rand({1, model.in_channels(), side, side}, generator, torch::kFloat32) * 0.1 + 0.45;
  torch::Tensor best = image;
  double best_score = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i <= options.steps; ++i) {
    auto input = image.detach().requires_grad_(true);
    model.forward(input);
    const auto score = driven(activation, options.filter);
    if (score.item<double>() > best_score) {
      best_score = score.item<double>();
      best = input.detach();
    }
    const auto objective = score - options.smoothness * total_variation(input);
    const auto gradient = torch::autograd::grad({objective}, {input})[0];
    const auto length = gradient.square().mean().sqrt().clamp_min(1e-12);
    image = (input.detach() + options.step * gradient / length).clamp(0, 1);
  }
  return best[0];
}

}  // namespace groundglass
