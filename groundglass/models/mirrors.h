#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// The axes of [N,C,H,W] along which each of 1, 2 or 4 views mirrors a picture: not at all,
/// left-right, upside down, both.
std::vector<std::vector<int64_t>> mirror_axes(int64_t views);

/// `images` mirrored along `axes`; its own inverse.
torch::Tensor mirrored(const torch::Tensor& images, const std::vector<int64_t>& axes);

/// Test-time augmentation: what a network says of the views of `images`, each turned back upright,
/// as the mean of the logits. With one view exactly what it says of `images`.
///
/// network  images [N,C,H,W] -> logits [N,K,H,W].
/// views    1, 2 or 4; throws Error(recipe) for others.
torch::Tensor mean_of_views(const std::function<torch::Tensor(const torch::Tensor&)>& network,
                            const torch::Tensor& images, int64_t views);

}  // namespace groundglass
