#include "groundglass/models/blocks/unpool.h"

namespace groundglass {

std::pair<torch::Tensor, torch::Tensor> max_pool_with_indices(const torch::Tensor& x) {
  auto [values, indices] = torch::max_pool2d_with_indices(x, {2, 2});
  return {values, indices};
}

torch::Tensor max_unpool(const torch::Tensor& x, const torch::Tensor& indices,
                         const torch::Tensor& like) {
  const std::array<int64_t, 2> size = {like.size(2), like.size(3)};
  const auto type = x.scalar_type();
  // A cast that changes nothing would still stand in a trace.
  if (type == torch::kFloat32 || type == torch::kFloat64) {
    return torch::max_unpool2d(x, indices, size);
  }
  return torch::max_unpool2d(x.to(torch::kFloat32), indices, size).to(type);
}

}  // namespace groundglass
