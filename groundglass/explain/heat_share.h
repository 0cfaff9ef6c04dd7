#pragma once

#include <optional>

#include <torch/types.h>

namespace groundglass {

/// Which share of a map's heat lies inside a mask: sum of the heat under the mask by the whole sum.
/// A map that looks at the lungs has nearly 1; one that looks anywhere has about the mask's share
/// of the picture, which is `area`.
struct HeatShare {
  std::optional<double> inside;  ///< empty for a map without any heat
  double area = 0;               ///< share of the picture that the mask covers
};

/// heat [H,W] float, not negative; mask [H,W], everything above 0 is inside. Throws Error(usage) if
/// the sizes differ.
HeatShare heat_share(const torch::Tensor& heat, const torch::Tensor& mask);

}  // namespace groundglass
