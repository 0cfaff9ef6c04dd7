#include "groundglass/data/difference_hash.h"

#include <bit>

namespace groundglass {

DifferenceHash difference_hash(const torch::Tensor& image) {
  const auto small =
      torch::adaptive_avg_pool2d(image.to(torch::kFloat32).narrow(0, 0, 1), {16, 17}).squeeze(0);
  const auto rising = (small.narrow(1, 1, 16) > small.narrow(1, 0, 16)).contiguous();
  const bool* bits = rising.data_ptr<bool>();
  DifferenceHash hash{};
  for (size_t i = 0; i < 256; ++i) hash[i / 64] |= uint64_t{bits[i]} << (i % 64);
  return hash;
}

int64_t differing_bits(const DifferenceHash& a, const DifferenceHash& b) {
  int64_t bits = 0;
  for (size_t i = 0; i < 4; ++i) bits += std::popcount(a[i] ^ b[i]);
  return bits;
}

}  // namespace groundglass
