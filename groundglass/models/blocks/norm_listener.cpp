#include "groundglass/models/blocks/norm_listener.h"

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

thread_local NormListener* current_listener = nullptr;

}  // namespace

NormListener::NormListener() {
  if (current_listener != nullptr) fail(ErrorKind::internal, "two listeners to batch norm at once");
  current_listener = this;
}

NormListener::~NormListener() {
  current_listener = nullptr;
}

NormListener* NormListener::current() {
  return current_listener;
}

torch::Tensor listened_batch_norm(const torch::nn::Module& layer, const torch::Tensor& image,
                                  const torch::Tensor& weight, const torch::Tensor& bias,
                                  double eps) {
  const auto [mean, variance] = at::batch_norm_update_stats(image, {}, {}, 0.0);
  const auto count = static_cast<double>(image.numel() / image.size(1));
  NormListener::current()->hear(layer, mean, variance, count);
  return std::get<0>(at::native_batch_norm(image, weight, bias, mean, variance, /*training=*/false,
                                           /*momentum=*/0, eps));
}

}  // namespace groundglass
