#pragma once

#include <utility>

#include <torch/types.h>

namespace groundglass {

/// The masks (prediction, truth) of tools/reference/surface_distances.py: two ellipsoids that
/// overlap, a sphere that is missed, a bar that is too much; [12,20,24].
inline std::pair<torch::Tensor, torch::Tensor> ellipsoids() {
  const auto k = torch::arange(12).view({12, 1, 1}), j = torch::arange(20).view({20, 1}),
             i = torch::arange(24);
  const auto square = [](const torch::Tensor& x, int64_t centre) {
    return (x - centre) * (x - centre);
  };
  const auto truth = (4 * square(k, 5) + square(j, 9) + square(i, 11) <= 40)
                         .logical_or(square(k, 2) + square(j, 3) + square(i, 19) <= 4);
  const auto bar = (k == 9).logical_and(j == 2).logical_and((i >= 2).logical_and(i <= 4));
  const auto prediction = (4 * square(k, 6) + square(j, 10) + square(i, 9) <= 36).logical_or(bar);
  return {prediction.to(torch::kUInt8), truth.to(torch::kUInt8)};
}

/// Their slice 5 with two bars more, which touch the border; [20,24].
inline std::pair<torch::Tensor, torch::Tensor> ellipses() {
  const auto [prediction, truth] = ellipsoids();
  const auto flat = prediction[5].clone(), flat_truth = truth[5].clone();
  flat_truth.slice(0, 16, 20).slice(1, 0, 3).fill_(1);
  flat.slice(0, 17, 19).slice(1, 0, 5).fill_(1);
  return {flat, flat_truth};
}

}  // namespace groundglass
