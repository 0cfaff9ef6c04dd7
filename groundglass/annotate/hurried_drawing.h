#pragma once

#include <torch/types.h>

#include "groundglass/core/rng.h"

namespace groundglass {

/// A mask as somebody in a hurry might draw it: the whole mask slips by up to `slip` of the longer
/// side in a random direction, and all its outlines lie too far out or too far in by up to half as
/// much. Ours; a model of a drawing, not measured on annotators.
///
/// labels  [H,W] uint8 class numbers; slip in [0, 0.5).
/// returns the same shape. An empty mask stays empty; a small one may vanish.
torch::Tensor hurried_drawing(const torch::Tensor& labels, double slip, Rng& rng);

}  // namespace groundglass
