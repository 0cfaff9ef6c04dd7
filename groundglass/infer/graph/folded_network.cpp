#include "groundglass/infer/graph/folded_network.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/frozen_conv_folding.h>
#include <torch/csrc/jit/passes/shape_analysis.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "groundglass/core/error.h"

namespace groundglass {
namespace jit = torch::jit;
namespace {

/// Operators that take floating point maps of one type only, or only float32.
bool wants_float(const std::string& name) {
  static const std::set<std::string> kNames = {
      "aten::matmul",  "aten::mm",       "aten::bmm",       "aten::linear",      "aten::addmm",
      "aten::baddbmm", "aten::fft_fft2", "aten::fft_ifft2", "aten::max_unpool2d"};
  return kNames.count(name) > 0;
}

bool is_convolution(const jit::Node* node) {
  return node->kind() == jit::aten::_convolution;
}

bool is_float(const jit::Value* value) {
  const auto type = value->type()->cast<c10::TensorType>();
  return type && type->scalarType() == torch::kFloat32;
}

/// Puts the weights where the graph asks the module for them, which is then no longer an input.
void insert_weights(jit::Graph& graph, const jit::Module& module) {
  std::unordered_map<const jit::Value*, at::IValue> parts = {{graph.inputs()[0], module._ivalue()}};
  std::vector<jit::Node*> done;
  for (jit::Node* node : graph.nodes()) {
    if (node->kind() != jit::prim::GetAttr) continue;
    const auto owner = parts.at(node->input()).toObject();
    const at::IValue part = owner->getAttr(node->s(jit::attr::name));
    if (part.isTensor()) {
      const jit::WithInsertPoint here(node);
      node->output()->replaceAllUsesWith(graph.insertConstant(part.toTensor().detach()));
    } else {
      parts[node->output()] = part;
    }
    done.push_back(node);
  }
  std::for_each(done.rbegin(), done.rend(), [](jit::Node* node) { node->destroy(); });
  if (!graph.inputs()[0]->uses().empty()) {
    fail(ErrorKind::internal, "the network uses itself as a value; it cannot be folded");
  }
  graph.eraseInput(0);
}

/// Replaces input `i` of the node by a constant.
void set_constant(jit::Node* node, size_t i, const torch::Tensor& value) {
  const jit::WithInsertPoint here(node);
  node->replaceInput(i, node->owningGraph()->insertConstant(value));
}

/// Replaces input `i` of the node by the same in another type; nothing if it is that already.
void insert_cast(jit::Node* node, size_t i, torch::ScalarType type) {
  const jit::WithInsertPoint here(node);
  jit::Value* cast = node->owningGraph()->insert(
      jit::aten::to, {node->input(i), static_cast<int64_t>(type), false, false});
  node->replaceInput(i, cast);
}

/// Weights of the convolution in its type and order, and what it reads in that type. On the
/// processor LibTorch 1.13 refuses transposed convolutions of bfloat16 maps in that order.
void lower_convolution(jit::Node* node, const FoldOptions& options) {
  const bool refused = *jit::constant_as<bool>(node->input(6)) && !options.device.is_cuda();
  const auto type = refused ? torch::kFloat32 : options.precision;
  for (const size_t i : {size_t{1}, size_t{2}}) {
    const auto weight = jit::toIValue(node->input(i));
    if (!weight || !weight->isTensor() || !weight->toTensor().defined()) continue;
    auto lowered = weight->toTensor().to(options.device, type);
    if (lowered.dim() == 4 && !refused) {
      lowered = lowered.contiguous(torch::MemoryFormat::ChannelsLast);
    }
    set_constant(node, i, lowered);
  }
  if (options.precision != torch::kFloat32) insert_cast(node, 0, type);
}

/// What else is constant, on the device.
void move_constant(jit::Node* node, const torch::Device& device) {
  const auto value = jit::toIValue(node->output());
  if (!value) return;
  const jit::WithInsertPoint here(node);
  if (value->isTensor() && value->toTensor().defined() && value->toTensor().device() != device) {
    auto* moved = node->owningGraph()->insertConstant(value->toTensor().to(device));
    node->output()->replaceAllUsesWith(moved);
  } else if (value->isDevice() && value->toDevice() != device) {
    node->output()->replaceAllUsesWith(node->owningGraph()->insertConstant(device));
  }
}

std::shared_ptr<jit::Graph> folded_graph(const TracedModel& traced, const FoldOptions& options) {
  auto graph = traced.graph->copy();
  insert_weights(*graph, traced.module);
  jit::ConstantPropagation(graph);  // lists of strides become constants, which folding asks for
  jit::FoldFrozenConvBatchnorm(graph);
  const std::vector<jit::Node*> nodes(graph->nodes().begin(), graph->nodes().end());
  for (jit::Node* node : nodes) {
    if (node->kind() == jit::prim::Constant) {
      move_constant(node, options.device);
    } else if (is_convolution(node)) {
      lower_convolution(node, options);
    } else if (options.precision != torch::kFloat32 && wants_float(node->kind().toQualString())) {
      for (size_t i = 0; i < node->inputs().size(); ++i) {
        if (is_float(node->input(i))) insert_cast(node, i, torch::kFloat32);
      }
    }
  }
  while (graph->outputs().size() > 1) graph->eraseOutput(graph->outputs().size() - 1);
  jit::EraseShapeInformation(graph);  // sizes are those of the image it was traced with
  jit::EliminateDeadCode(graph);
  return graph;
}

}  // namespace

class FoldedNetwork::Impl {
 public:
  Impl(const TracedModel& traced, const FoldOptions& options)
      : graph_(folded_graph(traced, options)), code_(graph_, "forward") {}

  torch::Tensor run(const torch::Tensor& image) const {
    const torch::NoGradGuard no_grad;
    jit::Stack stack = {image.to(torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast)};
    jit::InterpreterState(code_).run(stack);
    return stack.at(0).toTensor().to(torch::kFloat32).contiguous();
  }

  const jit::Graph& graph() const { return *graph_; }

 private:
  std::shared_ptr<jit::Graph> graph_;
  jit::Code code_;
};

FoldedNetwork::FoldedNetwork(const TracedModel& traced, const FoldOptions& options) {
  const torch::NoGradGuard no_grad;
  impl_ = std::make_unique<Impl>(traced, options);
}
FoldedNetwork::~FoldedNetwork() = default;
FoldedNetwork::FoldedNetwork(FoldedNetwork&&) noexcept = default;

torch::Tensor FoldedNetwork::run(const torch::Tensor& image) const {
  return impl_->run(image);
}

int64_t FoldedNetwork::count(const std::string& name) const {
  const auto nodes = impl_->graph().nodes();
  return std::count_if(nodes.begin(), nodes.end(),
                       [&](const jit::Node* node) { return name == node->kind().toQualString(); });
}

int64_t FoldedNetwork::channels_last() const {
  const auto nodes = impl_->graph().nodes();
  return std::count_if(nodes.begin(), nodes.end(), [](const jit::Node* node) {
    if (!is_convolution(node)) return false;
    return jit::toIValue(node->input(1))
        ->toTensor()
        .is_contiguous(torch::MemoryFormat::ChannelsLast);
  });
}

int64_t FoldedNetwork::weight_bytes() const {
  int64_t bytes = 0;
  for (const jit::Node* node : impl_->graph().nodes()) {
    if (node->kind() != jit::prim::Constant) continue;
    const auto value = jit::toIValue(node->output());
    if (value && value->isTensor() && value->toTensor().defined()) {
      bytes += static_cast<int64_t>(value->toTensor().nbytes());
    }
  }
  return bytes;
}

}  // namespace groundglass
