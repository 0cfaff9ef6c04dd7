#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// What an exported network says about an image.
enum class ExportOutput {
  probabilities,  ///< of the foreground classes, [N,F,H,W] in [0,1]
  logits,         ///< [N,K,H,W]
  both            ///< probabilities, then logits
};

struct TraceOptions {
  /// Names of the outputs, in the order in which the function returns them.
  std::vector<std::string> outputs = {"logits"};
  std::array<int64_t, 4> image = {2, 1, 256, 256};  ///< [N,C,H,W] of the image it is traced with
  int64_t size_multiple = 1;                        ///< height and width are multiples of this
};

/// From an image [N,C,H,W] to the outputs named in TraceOptions.
using ImageFunction = std::function<std::vector<torch::Tensor>(const torch::Tensor& image)>;

/// A network as a graph of LibTorch's operators, in evaluation mode.
struct TracedModel {
  /// Weights under the names that checkpoints use (shared with the traced network), and a method
  /// `forward` from image to output, or to a tuple of several. It refuses sizes that do not fit.
  torch::jit::Module module;
  /// What `forward` does, before that check. Inputs: the module and the image. Weights are
  /// prim::GetAttr. Values carry the element type and the sizes of the image it was traced with.
  std::shared_ptr<torch::jit::Graph> graph;
  std::vector<std::string> outputs;
  std::array<int64_t, 4> image{};  ///< [N,C,H,W] of that image
  /// Which axes of [N,C,H,W] may differ from it; height and width by multiples of size_multiple.
  std::array<bool, 4> dynamic{};
  int64_t size_multiple = 1;
};

/// Traces `function`, which runs `module`, for images of any batch, height and width.
///
/// A C++ function reads sizes as plain numbers, and a trace keeps them as they were. It is
/// therefore traced at several sizes; numbers that move with an axis become arithmetic on the sizes
/// of the image at run time. An axis stays fixed where the traces differ otherwise, or where the
/// function refuses another size. The module is left as it was.
///
/// throws Error(internal) if the graph, run at another size, gives another answer than the
/// function.
TracedModel trace_module(torch::nn::Module& module, const ImageFunction& function,
                         const TraceOptions& options);

/// The same for a network meant for images of `height` x `width` (both multiples of its stride). A
/// network that does not take any size is bound to this one. Side outputs are left out. A network
/// on another device is traced on the processor, where the traced weights stay. A network from a
/// TorchScript file is not traced: its own code is unrolled for that size.
TracedModel trace_model(SegmentationModel& model, ExportOutput output, int64_t height,
                        int64_t width);

/// "[N,1,H,W], H and W multiples of 16": what the traced network takes, fixed axes as numbers.
std::string image_shape(const TracedModel& traced);

}  // namespace groundglass
