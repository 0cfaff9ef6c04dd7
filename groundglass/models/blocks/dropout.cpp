#include "groundglass/models/blocks/dropout.h"

#include <ATen/Parallel.h>

#include "groundglass/models/nn.h"

namespace groundglass {
namespace {

constexpr int64_t kGrain = 1 << 15;

/// 1 where a value is kept. One 64-bit hash decides four values.
torch::Tensor keep_mask(torch::IntArrayRef shape, double probability, uint64_t seed) {
  auto mask = torch::empty(shape, torch::kUInt8);
  const auto limit = static_cast<uint32_t>(probability * 65536);
  uint8_t* out = mask.data_ptr<uint8_t>();
  const int64_t n = mask.numel();
  at::parallel_for(0, (n + 3) / 4, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t quad = begin; quad < end; ++quad) {
      uint64_t z = seed + static_cast<uint64_t>(quad) * 0x9e3779b97f4a7c15ULL;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      z ^= z >> 31;
      for (int64_t i = 4 * quad; i < std::min(n, 4 * quad + 4); ++i, z >>= 16) {
        out[i] = (z & 0xffff) >= limit ? 1 : 0;
      }
    }
  });
  return mask;
}

/// x * mask * scale in one pass over the memory.
torch::Tensor masked(const torch::Tensor& x, const torch::Tensor& mask, float scale) {
  auto result = torch::empty(x.sizes(), x.options());
  const float* in = x.data_ptr<float>();
  const uint8_t* keep = mask.data_ptr<uint8_t>();
  float* out = result.data_ptr<float>();
  at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = in[i] * (static_cast<float>(keep[i]) * scale);
  });
  return result;
}

class HashedDropout final : public torch::autograd::Function<HashedDropout> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               double probability, int64_t seed) {
    const auto mask = keep_mask(x.sizes(), probability, static_cast<uint64_t>(seed));
    context->save_for_backward({mask});
    context->saved_data["scale"] = 1 / (1 - probability);
    return masked(x, mask, static_cast<float>(1 / (1 - probability)));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
    return {masked(grads[0].contiguous(), context->get_saved_variables()[0], scale), {}, {}};
  }
};

}  // namespace

torch::Tensor dropout(const torch::Tensor& x, double probability) {
  if (probability <= 0) return x;
  if (!x.is_cpu() || x.scalar_type() != torch::kFloat32)
    return torch::dropout(x, probability, true);
  const auto draw = torch::randint(std::numeric_limits<int64_t>::max(), {1}, torch::kInt64);
  return HashedDropout::apply(x.contiguous(), probability, draw.item<int64_t>());
}

}  // namespace groundglass
