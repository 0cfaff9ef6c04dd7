#pragma once

#include <torch/types.h>

namespace groundglass {

/// Red, green, blue [3,H,W] in [0,1] -> hue, saturation, value [3,H,W] in [0,1]; gray has hue 0.
torch::Tensor rgb_to_hsv(const torch::Tensor& rgb);
torch::Tensor hsv_to_rgb(const torch::Tensor& hsv);

/// Infection map: hue and saturation of the probability in jet colours, brightness of the X-ray.
/// Pixels with a probability below 1/255 keep the X-ray's gray.
///
/// Degerli et al., https://arxiv.org/abs/2009.12698, Section II-D. Differs: the paper keeps the
/// X-ray where the probability is zero, which a sigmoid never is.
///
/// gray        [H,W] uint8.
/// probability [H,W] float in [0,1], of the same size. Throws Error(usage) if it is not.
/// returns     [3,H,W] uint8.
torch::Tensor infection_map(const torch::Tensor& gray, const torch::Tensor& probability);

}  // namespace groundglass
