#include "groundglass/adapt/batch_statistics.h"

#include "groundglass/core/error.h"
#include "groundglass/core/rng.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/train/answers.h"

namespace groundglass {
namespace {

/// A batch norm that is listened to: its moving statistics are set to zero before each batch, so
/// that afterwards they are `momentum` times the batch's own, with momentum 1 where it can be set.
struct Layer {
  std::shared_ptr<torch::nn::Module> module;
  torch::Tensor mean, variance;          ///< the module's own buffers
  torch::Tensor old_mean, old_variance;  ///< before
  torch::Tensor sum, square_sum;         ///< over images, double
  double momentum = 1;                   ///< while it is listened to
  torch::optional<double> old_momentum;  ///< of a BatchNorm2d
};

/// The share of a new batch in the moving statistics, found by a batch of zeros.
double momentum_of(BatchNormNoScaleImpl& norm, const torch::Tensor& mean) {
  mean.fill_(1);
  norm.train();
  norm.forward(mean.new_zeros({2, mean.size(0), 1, 1}));
  return 1 - mean[0].item<double>();
}

std::vector<Layer> listened_layers(SegmentationModel& model) {
  std::vector<Layer> layers;
  for (const auto& module : model.modules(/*include_self=*/false)) {
    auto* plain = dynamic_cast<BatchNorm2dImpl*>(module.get());
    auto* no_scale = dynamic_cast<BatchNormNoScaleImpl*>(module.get());
    if (plain == nullptr && no_scale == nullptr) continue;
    Layer layer;
    layer.module = module;
    layer.mean = plain != nullptr ? plain->running_mean : no_scale->running_mean;
    layer.variance = plain != nullptr ? plain->running_var : no_scale->running_var;
    layer.old_mean = layer.mean.clone();
    layer.old_variance = layer.variance.clone();
    if (plain != nullptr) {
      layer.old_momentum = plain->options.momentum();
      plain->options.momentum(1.0);
    } else {
      layer.momentum = momentum_of(*no_scale, layer.mean);
    }
    layer.sum = torch::zeros_like(layer.mean, torch::kFloat64);
    layer.square_sum = torch::zeros_like(layer.sum);
    layers.push_back(std::move(layer));
  }
  return layers;
}

void add_batch(Layer& layer, double images) {
  const auto mean = layer.mean.to(torch::kFloat64) / layer.momentum;
  const auto variance = layer.variance.to(torch::kFloat64) / layer.momentum;
  layer.sum += images * mean;
  layer.square_sum += images * (variance + mean * mean);
}

/// Gives the layer its new statistics, and its momentum back. A layer that no image reached keeps
/// what it had.
void finish(Layer& layer, double images, double mix) {
  const bool reached = (layer.square_sum > 0).any().item<bool>();
  const auto mean = layer.sum / images;
  const auto variance = (layer.square_sum / images - mean * mean).clamp_min(0);
  const double share = reached ? mix : 0;
  layer.mean.copy_(share * mean + (1 - share) * layer.old_mean.to(torch::kFloat64));
  layer.variance.copy_(share * variance + (1 - share) * layer.old_variance.to(torch::kFloat64));
  if (auto* plain = dynamic_cast<BatchNorm2dImpl*>(layer.module.get())) {
    plain->options.momentum(layer.old_momentum);
  }
}

}  // namespace

int64_t reestimate_batch_norm(SegmentationModel& model, const PreparedSet& set,
                              const std::vector<int64_t>& rows, const LoaderOptions& loader,
                              const Engine& engine, double mix) {
  if (rows.empty()) fail(ErrorKind::data, "batch norm cannot be re-estimated on no slice");
  const torch::NoGradGuard no_grad;
  model.to(engine.device);
  auto layers = listened_layers(model);
  if (layers.empty()) {
    fail(ErrorKind::recipe, "[adapt] batch_norm is 'target' and the network has no batch norm");
  }
  Rng rng = rng_for(loader.seed, 0, 0xba7c4);
  std::vector<Entry> entries;  // mixed, so that a batch is not one patient's
  for (const int64_t i : permutation(static_cast<int64_t>(rows.size()), rng)) {
    entries.push_back({rows[static_cast<size_t>(i)], 0, 0});
  }
  double total = 0;
  const auto listen = [&](const Batch& batch) {
    for (auto& layer : layers) {
      layer.mean.zero_();
      layer.variance.zero_();
      layer.module->train();
    }
    answer(model, batch.image, engine);
    const auto images = static_cast<double>(batch.image.size(0));
    for (auto& layer : layers) add_batch(layer, images);
    total += images;
  };
  for_each_batch(model, set, entries, loader, "stopped while looking at the target", listen);
  for (auto& layer : layers) finish(layer, total, mix);
  model.eval();
  return static_cast<int64_t>(layers.size());
}

}  // namespace groundglass
