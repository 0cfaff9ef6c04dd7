#pragma once

#include <exception>
#include <string>
#include <vector>

#include "groundglass/infer/graph/dynamic_sizes.h"
#include "groundglass/infer/graph/trace.h"

namespace groundglass {

/// The tensors that a network's answer holds: itself, or within tuples, lists and dictionaries.
std::vector<torch::Tensor> tensors_in(const at::IValue& answer);

/// What LibTorch complains of, without its stack: the interpreter's own complaint comes last.
std::string torch_complaint(const std::exception& e);

/// A TorchScript method without its control flow, for images of one size: sizes are numbers,
/// branches are taken, loops run, lists and tuples are gone; what is left are operators on tensors
/// that depend on the image, in the order in which they run. Only the first tensor of the answer is
/// computed.
///
/// The method is run once to find out; operators that LibTorch writes in several ways get the one
/// that a trace would have. Weights stay prim::GetAttr, so that steps can be called by their names.
///
/// module  in evaluation mode; graph  its method after inlining, inputs: the module, the image, and
///         perhaps others with the values in `defaults`.
///
/// throws Error(usage) with what stands in the way: a branch, loop or size that depends on the
/// numbers in the image, further arguments without a default, parts of tensors overwritten, or a
/// size that the method refuses.
TracedModel unroll(const torch::jit::Module& module, torch::jit::Graph& graph,
                   const ImageSize& image, const std::vector<at::IValue>& defaults = {});

}  // namespace groundglass
