#pragma once

#include <array>
#include <functional>
#include <memory>

#include <torch/csrc/jit/ir/ir.h>

namespace groundglass {

using ImageSize = std::array<int64_t, 4>;  ///< [N,C,H,W]

/// A trace at an image of that size, or null if the function refuses the size.
using TraceAt = std::function<std::shared_ptr<torch::jit::Graph>(const ImageSize&)>;

/// Replaces, in the trace `graph` at `image`, every whole number that moves with batch, height or
/// width by arithmetic on the sizes of `value` (the image at run time): (p X + r) / q for one axis
/// X, or a fraction of a product of axes. Each axis is moved twice, by `step` each time; the second
/// trace must be what the first predicts.
///
/// returns which of [N,C,H,W] may now vary: those where nothing but such numbers moved.
std::array<bool, 4> make_sizes_dynamic(torch::jit::Graph& graph, torch::jit::Value* value,
                                       const ImageSize& image, const ImageSize& step,
                                       const TraceAt& trace);

}  // namespace groundglass
