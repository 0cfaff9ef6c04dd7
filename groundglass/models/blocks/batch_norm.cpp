#include "groundglass/models/blocks/batch_norm.h"

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/distributed/global_batch.h"
#include "groundglass/models/blocks/norm_listener.h"

namespace groundglass {
namespace {

/// Means and variances of each channel over all ranks' images.
struct GlobalStatistics {
  torch::Tensor mean, variance;  ///< [C] double; the variance divides by the count
  double count = 0;              ///< pixels of a channel
};

GlobalStatistics statistics_over_ranks(const torch::Tensor& image, const GlobalBatch& batch) {
  const int64_t channels = image.size(1);
  const auto pixels = static_cast<double>(batch.held() * image.size(2) * image.size(3));
  // [count, means, squared deviations]; all zero on a rank that holds no image
  auto mine =
      torch::zeros({1 + 2 * channels}, torch::TensorOptions(image.device()).dtype(torch::kFloat64));
  if (pixels > 0) {
    const auto [mean, variance] = at::batch_norm_update_stats(image, {}, {}, 0.0);
    mine[0].fill_(pixels);
    mine.narrow(0, 1, channels).copy_(mean);
    mine.narrow(0, 1 + channels, channels).copy_(variance).mul_(pixels);
  }
  const auto all = batch.ranks().gather(mine, "computing batch statistics");  // [W, 1 + 2C]
  const auto counts = all.narrow(1, 0, 1);
  const auto means = all.narrow(1, 1, channels), squares = all.narrow(1, 1 + channels, channels);
  GlobalStatistics global;
  global.count = counts.sum().item<double>();
  global.mean = (counts * means).sum(0) / global.count;
  global.variance = (squares + counts * (means - global.mean).square()).sum(0) / global.count;
  return global;
}

class GlobalBatchNorm final : public torch::autograd::Function<GlobalBatchNorm> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& image, const torch::Tensor& weight,
                               const torch::Tensor& bias, torch::Tensor running_mean,
                               torch::Tensor running_var, double momentum, double eps) {
    auto& batch = *GlobalBatch::current();
    const auto global = statistics_over_ranks(image, batch);
    if (global.count < 2) {
      fail(ErrorKind::recipe,
           "batch norm over one value per channel says nothing; raise [train] batch_size");
    }
    const auto kind = running_mean.scalar_type();
    const auto mean = global.mean.to(kind), variance = global.variance.to(kind);
    const double unbiased = global.count / (global.count - 1);
    running_mean.mul_(1 - momentum).add_(mean, momentum);
    running_var.mul_(1 - momentum).add_((global.variance * unbiased).to(kind), momentum);
    context->save_for_backward({image, weight, mean, variance});
    context->saved_data["eps"] = eps;
    context->saved_data["count"] = global.count;
    context->saved_data["held"] = batch.held();
    context->saved_data["ranks"] = reinterpret_cast<int64_t>(&batch.ranks());
    return std::get<0>(at::native_batch_norm(image, weight, bias, mean, variance,
                                             /*training=*/false, momentum, eps));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto& image = saved[0];
    const auto& weight = saved[1];
    const auto &mean = saved[2], &variance = saved[3];
    const double eps = context->saved_data["eps"].toDouble();
    auto& ranks = *reinterpret_cast<Team*>(context->saved_data["ranks"].toInt());
    // With fixed statistics: dx = dy * w / deviation, sum dy * (x - mean) / deviation, and sum dy.
    auto [dx, dweight, dbias] =
        at::native_batch_norm_backward(gradients[0], image, weight, mean, variance, {}, {},
                                       /*train=*/false, eps, {true, true, true});
    const bool held = context->saved_data["held"].toInt() > 0;
    auto sums = held ? torch::cat({dweight, dbias}).to(torch::kFloat64)
                     : torch::zeros({2 * mean.size(0)}, mean.options().dtype(torch::kFloat64));
    if (!held) {
      dx.zero_();
      dweight.zero_();
      dbias.zero_();
    }
    ranks.sum(sums, "computing the gradient of batch statistics");
    if (held) {
      // What the statistics hand back: dx -= w / deviation * (sum dy + xhat * sum dy xhat) / count.
      // It is a batch norm with fixed statistics, whose kernel is faster than arithmetic by
      // channel.
      const double count = context->saved_data["count"].toDouble();
      const auto inverse = (variance.to(torch::kFloat64) + eps).rsqrt();
      const auto scale = weight.to(torch::kFloat64) * inverse / count;
      const auto slope = scale * inverse * sums.narrow(0, 0, mean.size(0));
      const auto offset =
          scale * sums.narrow(0, mean.size(0), mean.size(0)) - slope * mean.to(torch::kFloat64);
      const auto kind = mean.scalar_type();
      dx.sub_(std::get<0>(at::native_batch_norm(image, slope.to(kind), offset.to(kind),
                                                torch::zeros_like(mean), torch::ones_like(variance),
                                                /*training=*/false, /*momentum=*/0, /*eps=*/0)));
    }
    return {dx, dweight, dbias, {}, {}, {}, {}};
  }
};

}  // namespace

bool norms_globally() {
  const auto* batch = GlobalBatch::current();
  return batch != nullptr && batch->statistics() == BatchStatistics::global;
}

torch::Tensor global_batch_norm(const torch::Tensor& image, const BatchNormState& state) {
  // An undefined tensor cannot take part in a function of our own; a weight of 1 changes no bit.
  const auto weight = state.weight.defined() ? state.weight : torch::ones_like(state.bias).detach();
  return GlobalBatchNorm::apply(image, weight, state.bias, state.running_mean, state.running_var,
                                state.momentum, state.eps);
}

torch::Tensor BatchNorm2dImpl::forward(const torch::Tensor& image) {
  _check_input_dim(image);
  if (is_training() && NormListener::current() != nullptr) {
    return listened_batch_norm(*this, image, weight, bias, options.eps());
  }
  double momentum = options.momentum().value_or(0);
  if (is_training() && options.track_running_stats()) {
    num_batches_tracked += 1;
    if (!options.momentum()) momentum = 1.0 / num_batches_tracked.item<double>();
  }
  if (is_training() && norms_globally()) {
    return global_batch_norm(image,
                             {weight, bias, running_mean, running_var, momentum, options.eps()});
  }
  return torch::nn::functional::detail::batch_norm(image, running_mean, running_var, weight, bias,
                                                   is_training() || !options.track_running_stats(),
                                                   momentum, options.eps());
}

void BatchNorm2dImpl::_check_input_dim(const torch::Tensor& image) {
  if (image.dim() == 4) return;
  fail(ErrorKind::internal,
       "batch norm has been given " + std::to_string(image.dim()) + " dimensions, expected 4");
}

void check_norms_are_ours(const torch::nn::Module& network) {
  for (const auto& layer : network.named_modules("", /*include_self=*/false)) {
    const auto* module = layer.value().get();
    if (dynamic_cast<const torch::nn::BatchNorm2dImpl*>(module) == nullptr) continue;
    fail(ErrorKind::internal, "layer " + in_quotes(layer.key()) +
                                  " is LibTorch's own batch norm and knows nothing of other "
                                  "ranks; please report it");
  }
}

}  // namespace groundglass
