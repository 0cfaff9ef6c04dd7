#include "groundglass/models/blocks/dropout.h"

#include <ATen/Parallel.h>

#include "groundglass/distributed/global_batch.h"
#include "groundglass/models/nn.h"

namespace groundglass {
namespace {

constexpr int64_t kGrain = 1 << 15;

uint64_t hash_of_quad(uint64_t seed, uint64_t quad) {
  uint64_t z = seed + quad * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// 1 where a value is kept. One 64-bit hash decides four values.
torch::Tensor keep_mask(torch::IntArrayRef shape, double probability, uint64_t seed) {
  auto mask = torch::empty(shape, torch::kUInt8);
  const auto limit = static_cast<uint32_t>(probability * 65536);
  uint8_t* out = mask.data_ptr<uint8_t>();
  const int64_t n = mask.numel();
  at::parallel_for(0, (n + 3) / 4, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t quad = begin; quad < end; ++quad) {
      uint64_t z = hash_of_quad(seed, static_cast<uint64_t>(quad));
      for (int64_t i = 4 * quad; i < std::min(n, 4 * quad + 4); ++i, z >>= 16) {
        out[i] = (z & 0xffff) >= limit ? 1 : 0;
      }
    }
  });
  return mask;
}

/// keep_mask() of the global batch, of which this rank's images are cut out.
torch::Tensor keep_mask_of_places(torch::IntArrayRef shape, double probability, uint64_t seed,
                                  const GlobalBatch& batch) {
  auto mask = torch::empty(shape, torch::kUInt8);
  const auto limit = static_cast<uint32_t>(probability * 65536);
  uint8_t* out = mask.data_ptr<uint8_t>();
  const int64_t n = mask.numel(), of_an_image = n / std::max<int64_t>(shape[0], 1);
  at::parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) {
    uint64_t quad = ~uint64_t{0}, z = 0;
    for (int64_t i = begin; i < end; ++i) {
      const auto global =
          static_cast<uint64_t>(batch.place(i / of_an_image) * of_an_image + i % of_an_image);
      if (global / 4 != quad) {
        quad = global / 4;
        z = hash_of_quad(seed, quad);
      }
      out[i] = ((z >> (16 * (global % 4))) & 0xffff) >= limit ? 1 : 0;
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
    const auto* batch = GlobalBatch::current();
    const auto key = static_cast<uint64_t>(seed);
    const auto mask = batch != nullptr ? keep_mask_of_places(x.sizes(), probability, key, *batch)
                                       : keep_mask(x.sizes(), probability, key);
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
  if (auto* batch = GlobalBatch::current()) {
    const auto draw = batch->next_draw();
    if (x.is_cpu() && x.scalar_type() == torch::kFloat32) {
      return HashedDropout::apply(x.contiguous(), probability, draw);
    }
    // On a GPU or in half precision LibTorch's generator knows nothing of places: the decisions are
    // made here and carried over.
    const auto keep =
        keep_mask_of_places(x.sizes(), probability, static_cast<uint64_t>(draw), *batch);
    return x * keep.to(x.device()).to(x.scalar_type()) * (1 / (1 - probability));
  }
  if (!x.is_cpu() || x.scalar_type() != torch::kFloat32)
    return torch::dropout(x, probability, true);
  const auto draw = torch::randint(std::numeric_limits<int64_t>::max(), {1}, torch::kInt64);
  return HashedDropout::apply(x.contiguous(), probability, draw.item<int64_t>());
}

}  // namespace groundglass
