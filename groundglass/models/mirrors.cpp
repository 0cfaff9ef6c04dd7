#include "groundglass/models/mirrors.h"

#include "groundglass/core/error.h"

namespace groundglass {

std::vector<std::vector<int64_t>> mirror_axes(int64_t views) {
  if (views != 1 && views != 2 && views != 4) {
    fail(ErrorKind::recipe, std::to_string(views) + " views of a picture, expected 1, 2 or 4");
  }
  std::vector<std::vector<int64_t>> all = {{}, {3}, {2}, {2, 3}};
  all.resize(static_cast<size_t>(views));
  return all;
}

torch::Tensor mirrored(const torch::Tensor& images, const std::vector<int64_t>& axes) {
  return axes.empty() ? images : images.flip(axes);
}

torch::Tensor mean_of_views(const std::function<torch::Tensor(const torch::Tensor&)>& network,
                            const torch::Tensor& images, int64_t views) {
  if (views == 1) return network(images);
  torch::Tensor sum;
  for (const auto& axes : mirror_axes(views)) {
    const auto logits = mirrored(network(mirrored(images, axes)), axes).to(torch::kFloat32);
    sum = sum.defined() ? sum + logits : logits;
  }
  return sum / static_cast<double>(views);
}

}  // namespace groundglass
