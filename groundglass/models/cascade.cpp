#include "groundglass/models/cascade.h"

#include <numeric>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"

namespace groundglass {

CascadeImpl::CascadeImpl(ModelPtr first, ModelPtr second, const CascadeOptions& options)
    : options_(options) {
  const int64_t a = first->in_channels(), b = second->in_channels();
  if (a != b && !(a == 1 && b == 3)) {
    fail(ErrorKind::recipe, "cascade: the networks take " + std::to_string(a) + " and " +
                                std::to_string(b) + " channels, expected the same, or 1 and 3");
  }
  lung = register_module("lung", std::move(first));
  infection = register_module("infection", std::move(second));
  lung->watch_layers([this](const std::string& layer, torch::Tensor output) {
    return watched("lung." + layer, std::move(output));
  });
  infection->watch_layers([this](const std::string& layer, torch::Tensor output) {
    return watched("infection." + layer, std::move(output));
  });
}

CascadeImpl::~CascadeImpl() {
  // The networks may live longer than their cascade.
  if (lung) lung->watch_layers({});
  if (infection) infection->watch_layers({});
}

torch::Tensor CascadeImpl::left_of(const torch::Tensor& image,
                                   const torch::Tensor& lung_logits) const {
  auto p = probabilities(lung_logits).sum(1, true);  // [N,1,H,W], all foreground classes
  if (options_.gate == CascadeGate::hard) p = (p > options_.threshold).detach();
  p = p.to(image.scalar_type());
  if (options_.renormalise == GatedNorm::none) return image * p;
  const auto darkest = image.amin({2, 3}, true);
  return darkest + (image - darkest) * p;
}

torch::Tensor CascadeImpl::gated(const torch::Tensor& image,
                                 const torch::Tensor& lung_logits) const {
  const auto left = left_of(image, lung_logits);
  if (options_.renormalise == GatedNorm::none) return left;
  if (options_.renormalise == GatedNorm::zscore) {
    const auto centred = left - left.mean({2, 3}, true);
    const auto deviation = centred.square().mean({2, 3}, true).sqrt();
    // What rounding leaves of a flat image, where no lung was found, is no deviation.
    return centred * (deviation > 1e-5).to(left.scalar_type()) / (deviation + 1e-8);
  }
  const auto low = left.amin({2, 3}, true), high = left.amax({2, 3}, true);
  return (left - low) / (high - low).clamp_min(1e-8);
}

Features CascadeImpl::encode(torch::Tensor image) {
  const auto lung_logits = lung->decode(lung->encode(image)).logits;
  auto seen = gated(image, lung_logits);
  if (infection->in_channels() != in_channels()) seen = seen.expand({-1, 3, -1, -1});
  Features f = infection->encode(seen);
  f.maps.insert(f.maps.begin(), lung_logits);
  return f;
}

Prediction CascadeImpl::decode(const Features& f) {
  Features own = f;
  own.maps.erase(own.maps.begin());
  Prediction prediction = infection->decode(own);
  prediction.side = {f.maps.front()};
  return prediction;
}

int64_t CascadeImpl::stride() const {
  return std::lcm(lung->stride(), infection->stride());
}

std::vector<std::string> CascadeImpl::layer_names() const {
  std::vector<std::string> names;
  for (const auto& layer : lung->layer_names()) names.push_back("lung." + layer);
  for (const auto& layer : infection->layer_names()) names.push_back("infection." + layer);
  return names;
}

}  // namespace groundglass
