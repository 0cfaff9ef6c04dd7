#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// Height of one line of a legend, in pixels.
constexpr int64_t kLegendLine = 20;

/// A picture with a legend in a white bar below it: for each of the classes 1, 2, .. a square in
/// its class_colour() and its name. Names go on to a further line where the picture is too narrow;
/// what is wider than the whole picture is cut at its edge.
///
/// rgb     [3,H,W] uint8 -> [3,H + n kLegendLine,W] uint8, n lines; rgb itself without names.
torch::Tensor with_legend(const torch::Tensor& rgb, const std::vector<std::string>& names);

}  // namespace groundglass
