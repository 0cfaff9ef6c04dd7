#include "groundglass/train/norm_statistics.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/distributed/team.h"
#include "groundglass/models/blocks/batch_norm.h"
#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/models/blocks/norm_listener.h"

namespace groundglass {
namespace {

/// A batch norm of either kind.
struct NormLayer {
  torch::nn::Module* module = nullptr;
  torch::Tensor mean, variance;  ///< the moving ones, [C]: its own buffers
  double momentum = 0;           ///< share of the new batch
};

std::vector<NormLayer> norm_layers(const torch::nn::Module& network) {
  std::vector<NormLayer> layers;
  for (const auto& module : network.modules(/*include_self=*/false)) {
    const bool known = std::any_of(layers.begin(), layers.end(),
                                   [&](const auto& layer) { return layer.module == module.get(); });
    if (known) continue;
    if (auto* plain = dynamic_cast<BatchNorm2dImpl*>(module.get())) {
      if (!plain->running_mean.defined()) continue;
      layers.push_back(
          {plain, plain->running_mean, plain->running_var, plain->options.momentum().value_or(1)});
    } else if (auto* no_scale = dynamic_cast<BatchNormNoScaleImpl*>(module.get())) {
      layers.push_back(
          {no_scale, no_scale->running_mean, no_scale->running_var, no_scale->momentum()});
    }
  }
  return layers;
}

/// Adds to count, means [C] and squared deviations [C] (one tensor each of 1 + 2C) those of others.
///
/// Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
/// variances", 1979.
void pool(torch::Tensor all, const torch::Tensor& part) {
  const int64_t channels = (all.size(0) - 1) / 2;
  const double before = all[0].item<double>(), added = part[0].item<double>();
  if (added == 0) return;
  auto mean = all.narrow(0, 1, channels), squares = all.narrow(0, 1 + channels, channels);
  const auto difference = part.narrow(0, 1, channels) - mean;
  squares.add_(part.narrow(0, 1 + channels, channels))
      .add_(difference.square(), before * added / (before + added));
  mean.add_(difference, added / (before + added));
  all[0].fill_(before + added);
}

/// What all layers saw of one batch, in one row of numbers, and of all batches so far.
class Recorder : public NormListener {
 public:
  explicit Recorder(const std::vector<NormLayer>& layers) {
    for (const auto& layer : layers) {
      const int64_t numbers = 1 + 2 * layer.mean.size(0);
      places_[layer.module] = {length_, numbers};
      length_ += numbers;
    }
    all_ = torch::zeros({length_}, torch::kFloat64);
    begin_batch();
  }

  void begin_batch() { batch_ = torch::zeros({length_}, torch::kFloat64); }

  void hear(const torch::nn::Module& layer, const torch::Tensor& mean,
            const torch::Tensor& variance, double count) override {
    const auto place = places_.find(&layer);
    if (place == places_.end()) return;
    const auto m = mean.to(torch::kCPU, torch::kFloat64);
    const auto squares = variance.to(torch::kCPU, torch::kFloat64) * count;
    pool(part(batch_, place->second),
         torch::cat({torch::full({1}, count, torch::kFloat64), m, squares}));
  }

  /// Adds what this process saw of its batch.
  void end_batch() {
    for (const auto& [layer, place] : places_) pool(part(all_, place), part(batch_, place));
  }

  /// Adds what each rank's batch of this round was, in the order of the batches.
  void end_round(Team& ranks) {
    const auto round = ranks.gather(batch_, "putting activations together");  // [W, length]
    for (int64_t r = 0; r < ranks.size(); ++r) {
      for (const auto& [layer, place] : places_) pool(part(all_, place), part(round[r], place));
    }
  }

  /// Count, means and squared deviations of a layer.
  torch::Tensor of(const NormLayer& layer) const { return part(all_, places_.at(layer.module)); }

 private:
  struct Place {
    int64_t begin, numbers;
  };
  static torch::Tensor part(const torch::Tensor& row, const Place& place) {
    return row.narrow(0, place.begin, place.numbers);
  }

  std::map<const torch::nn::Module*, Place> places_;
  int64_t length_ = 0;
  torch::Tensor batch_, all_;
};

/// While it lives, batch norms alone are in training mode.
class OnlyNormsTrain {
 public:
  OnlyNormsTrain(torch::nn::Module& network, const std::vector<NormLayer>& layers)
      : network_(network), training_(network.is_training()) {
    network_.eval();
    for (const auto& layer : layers) layer.module->train();
  }
  ~OnlyNormsTrain() { network_.train(training_); }
  OnlyNormsTrain(const OnlyNormsTrain&) = delete;
  OnlyNormsTrain& operator=(const OnlyNormsTrain&) = delete;

 private:
  torch::nn::Module& network_;
  bool training_;
};

/// Listens to batch norms and lets each go on answering scale * input + offset, which it answered
/// in evaluation mode, whatever the batch's statistics are.
class AnswersAsBefore final : public Recorder {
 public:
  explicit AnswersAsBefore(const std::vector<NormLayer>& layers) : Recorder(layers) {
    for (const auto& layer : layers) {
      const auto& norm = norm_of(layer);
      const auto scale = norm.weight / (norm.running_var + norm.options.eps()).sqrt();
      lines_[layer.module] = {scale, norm.bias - norm.running_mean * scale};
    }
  }

  void hear(const torch::nn::Module& layer, const torch::Tensor& mean,
            const torch::Tensor& variance, double count) override {
    Recorder::hear(layer, mean, variance, count);
    const auto line = lines_.find(&layer);
    if (line != lines_.end()) answer(dynamic_cast<const BatchNorm2dImpl&>(layer), mean, variance);
  }

  /// Makes the statistics of all batches the layer's own.
  void settle(const NormLayer& layer) {
    const auto seen = of(layer);
    const double count = seen[0].item<double>();
    if (count == 0) return;  // no image reached it
    const int64_t channels = layer.mean.size(0);
    auto mean = layer.mean, variance = layer.variance;
    mean.copy_(seen.narrow(0, 1, channels));
    variance.copy_(seen.narrow(0, 1 + channels, channels) / count);
    answer(norm_of(layer), mean, variance);
  }

 private:
  struct Line {
    torch::Tensor scale, offset;
  };
  static BatchNorm2dImpl& norm_of(const NormLayer& layer) {
    return dynamic_cast<BatchNorm2dImpl&>(*layer.module);
  }
  void answer(const BatchNorm2dImpl& norm, const torch::Tensor& mean,
              const torch::Tensor& variance) const {
    const auto& line = lines_.at(&norm);
    norm.weight.detach().copy_(line.scale * (variance + norm.options.eps()).sqrt());
    norm.bias.detach().copy_(line.offset + mean * line.scale);
  }

  std::map<const torch::nn::Module*, Line> lines_;
};

void take_over(const NormLayer& layer, const torch::Tensor& seen, double mix) {
  const double count = seen[0].item<double>();
  if (count == 0) return;  // no image reached it
  const int64_t channels = layer.mean.size(0);
  const auto mixed = [&](const torch::Tensor& exact, const torch::Tensor& old) {
    return mix * exact + (1 - mix) * old.to(torch::kCPU, torch::kFloat64);
  };
  layer.mean.copy_(mixed(seen.narrow(0, 1, channels), layer.mean));
  layer.variance.copy_(mixed(seen.narrow(0, 1 + channels, channels) / count, layer.variance));
}

}  // namespace

int64_t forgetting_steps(const torch::nn::Module& network) {
  constexpr double kForgotten = 0.01;
  int64_t steps = 0;
  for (const auto& layer : norm_layers(network)) {
    const bool at_start =
        (layer.mean == 0).all().item<bool>() && (layer.variance == 1).all().item<bool>();
    if (!at_start || layer.momentum <= 0) continue;  // without momentum they never move
    const double own =
        layer.momentum >= 1 ? 1 : std::ceil(std::log(kForgotten) / std::log1p(-layer.momentum));
    steps = std::max(steps, static_cast<int64_t>(own));
  }
  return steps;
}

KeptNormStatistics::KeptNormStatistics(const torch::nn::Module& network) {
  for (const auto& layer : norm_layers(network)) {
    kept_.emplace_back(layer.mean, layer.mean.clone());
    kept_.emplace_back(layer.variance, layer.variance.clone());
  }
}

KeptNormStatistics::~KeptNormStatistics() {
  const torch::NoGradGuard no_grad;
  for (auto& [buffer, held] : kept_) buffer.copy_(held);
}

int64_t reestimate_norms(torch::nn::Module& network, const Network& run, const PreparedSet& set,
                         const std::vector<Entry>& entries, const NormPass& pass) {
  if (entries.empty()) fail(ErrorKind::data, "batch norm cannot be re-estimated on no slice");
  const torch::NoGradGuard no_grad;
  const auto layers = norm_layers(network);
  if (layers.empty()) return 0;
  auto& ranks = team();
  const int64_t size = pass.loader.batch_size;
  const int64_t batches = (static_cast<int64_t>(entries.size()) + size - 1) / size;
  Recorder recorder(layers);
  {
    const OnlyNormsTrain listening(network, layers);
    Loader loader(set, entries_of_rank(entries, size, ranks), pass.loader);
    for (int64_t done = 0; done < batches; done += ranks.size()) {
      if (ranks.size() == 1 && stop_signal() != 0) throw Stopped(stop_signal(), pass.when_stopped);
      recorder.begin_batch();
      if (const auto batch = loader.next()) answer(run, batch->image, pass.engine);
      recorder.end_round(ranks);
    }
  }
  if (ranks.size() > 1) {
    if (const int signal = ranks.agreed_stop(stop_signal()))
      throw Stopped(signal, pass.when_stopped);
  }
  for (const auto& layer : layers) take_over(layer, recorder.of(layer), pass.mix);
  return static_cast<int64_t>(layers.size());
}

void settle_norms(torch::nn::Module& network, const std::vector<std::string>& norms,
                  const Network& run, const PreparedSet& set, const std::vector<Entry>& entries,
                  const LoaderOptions& loader) {
  if (entries.empty()) fail(ErrorKind::data, "batch norm cannot be settled on no slice");
  const torch::NoGradGuard no_grad;
  const auto modules = network.named_modules("", /*include_self=*/false);
  std::vector<NormLayer> layers;
  for (const auto& name : norms) {
    const auto* module = modules.find(name);
    auto* norm = module == nullptr ? nullptr : dynamic_cast<BatchNorm2dImpl*>(module->get());
    if (norm == nullptr) fail(ErrorKind::internal, "the network has no batch norm " + name);
    layers.push_back({norm, norm->running_mean, norm->running_var, 0});
  }
  AnswersAsBefore listener(layers);
  {
    const OnlyNormsTrain listening(network, layers);
    Loader batches(set, entries, loader);
    while (const auto batch = batches.next()) {
      if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped while looking at activations");
      listener.begin_batch();
      run(batch->image);
      listener.end_batch();
    }
  }
  for (const auto& layer : layers) listener.settle(layer);
}

}  // namespace groundglass
