#include "groundglass/train/trusted_precision.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/train/memory_format.h"

namespace groundglass {
namespace {

constexpr int64_t kChannels = 32, kSmallest = 16;
constexpr double kRounding = 0.02;

torch::Tensor random_numbers(at::IntArrayRef shape, uint64_t seed) {
  return torch::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed));
}

torch::Tensor kernel_gradient(const torch::Tensor& map, const torch::Tensor& numbers,
                              const torch::Tensor& slope, torch::ScalarType precision) {
  const auto kernel = numbers.clone().requires_grad_();
  torch::Tensor out;
  {
    const Autocast autocast(torch::kCPU, precision);
    out = torch::conv2d(map, kernel, {}, 1, 1);
  }
  out.to(torch::kFloat32).backward(slope);
  return kernel.grad();
}

}  // namespace

double bf16_kernel_gradient_error(int64_t height, int64_t width) {
  const torch::AutoGradMode with_gradients(true);
  const auto kernel = random_numbers({kChannels, kChannels, 3, 3}, 1);
  double largest = 0;
  for (int64_t h = height, w = width; std::min(h, w) >= kSmallest; h /= 2, w /= 2) {
    const auto map = channels_last(random_numbers({1, kChannels, h, w}, 2));
    const auto slope = random_numbers({1, kChannels, h, w}, 3);
    const auto exact = kernel_gradient(map, kernel, slope, torch::kFloat32);
    const auto found = kernel_gradient(map, kernel, slope, torch::kBFloat16);
    const double error = ((found - exact).norm() / exact.norm()).item<double>();
    if (!std::isfinite(error)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, error);
  }
  return largest;
}

Engine trusted_precision(const Engine& engine, int64_t height, int64_t width, Observer& observer,
                         const std::function<double(int64_t, int64_t)>& error) {
  if (!engine.device.is_cpu() || engine.precision != torch::kBFloat16) return engine;
  if (error(height, width) <= kRounding) return engine;
  observer.on(
      Warning{"this processor's library computes wrong bf16 gradients for images of " +
              std::to_string(height) + " x " + std::to_string(width) +
              "; training goes on in fp32, slower. Another [preprocess] size may be spared"});
  return {engine.device, torch::kFloat32};
}

}  // namespace groundglass
