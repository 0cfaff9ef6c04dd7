#pragma once

#include <torch/types.h>

#include "groundglass/preprocess/preprocess_options.h"

namespace groundglass {

/// Stored 8-bit images -> network input.
///
/// images  [N,C,H,W] uint8.
/// how     unit: v / 255, in [0,1]. zscore: (v - mean) / (sd + 1e-8) of each image's channel.
///         minmax: each image's channel to [0,1].
/// returns [N,C,H,W] float32.
/// throws  Error(recipe) for another word.
torch::Tensor normalised(const torch::Tensor& images, Normalise how);

}  // namespace groundglass
