#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/jit/ir/constants.h>

#include "groundglass/core/error.h"
#include "groundglass/infer/graph/dynamic_sizes.h"
#include "groundglass/infer/plan/graph.h"
#include "groundglass/infer/plan/lower.h"

namespace groundglass::planning {
namespace jit = torch::jit;

const char* name_of(Kind kind) {
  constexpr std::array<const char*, 13> kNames = {
      "convolution", "transposed", "max_pool", "average_pool", "unpool", "resize",  "pointwise",
      "binary",      "product",    "window",   "channels",     "concat", "LibTorch"};
  return kNames[static_cast<size_t>(kind)];
}

int Network::add_value(Value value) {
  values.push_back(std::move(value));
  return static_cast<int>(values.size()) - 1;
}

std::vector<int> Network::uses() const {
  std::vector<int> count(values.size(), 0);
  for (const Op& op : ops) {
    for (const int v : op.in) ++count[static_cast<size_t>(v)];
  }
  for (const int v : outputs) ++count[static_cast<size_t>(v)];
  return count;
}

std::vector<int> Network::makers() const {
  std::vector<int> maker(values.size(), -1);
  for (size_t i = 0; i < ops.size(); ++i) {
    for (const int v : ops[i].out) maker[static_cast<size_t>(v)] = static_cast<int>(i);
  }
  return maker;
}

namespace {

/// Runs the traced graph once, so that every size is known and every constant worked out.
class GraphReader {
 public:
  GraphReader(const TracedModel& traced, const std::array<int64_t, 3>& size)
      : traced_(traced), graph_(*traced.graph) {
    network_.traced = traced.graph;
    const auto inputs = graph_.inputs();
    known_[inputs[0]] = traced.module._ivalue();
    const std::vector<int64_t> sizes = {1, size[0], size[1], size[2]};
    // Not zeros: a gate that compares would go another way than it does for any image
    running_[inputs[1]] = at::rand(sizes, at::detail::createCPUGenerator(1));
    Value image;
    image.sizes = sizes;
    image.map = true;
    ids_[inputs[1]] = network_.image = network_.add_value(image);
  }

  Network read() {
    for (const jit::Node* node : graph_.nodes()) visit(node);
    for (const jit::Value* output : graph_.outputs()) {
      const auto found = ids_.find(output);
      if (found == ids_.end() || !network_.values[static_cast<size_t>(found->second)].map) {
        fail(ErrorKind::usage, "an output of the network is no map that depends on the image");
      }
      network_.outputs.push_back(found->second);
    }
    return std::move(network_);
  }

 private:
  bool constant(const jit::Value* v) const { return known_.count(v) > 0; }

  at::IValue value_of(const jit::Value* v) const {
    if (const auto found = known_.find(v); found != known_.end()) return found->second;
    return running_.at(v);
  }

  /// What the node gives for the values as they are.
  std::vector<at::IValue> run(const jit::Node* node) const {
    std::vector<at::IValue> inputs;
    for (const jit::Value* v : node->inputs()) inputs.push_back(value_of(v));
    return run_node(node, std::move(inputs));
  }

  /// The same numbers for any image: their tensor is only a size.
  bool filled(const jit::Node* node) const {
    const std::string name = node->kind().toQualString();
    if (name == "aten::fill_" || name == "aten::full_like") return constant(node->input(1));
    return name == "aten::empty_like" || name == "aten::zeros_like" || name == "aten::ones_like";
  }

  void visit(const jit::Node* node) {
    bool all_constant = true;
    for (const jit::Value* v : node->inputs()) all_constant = all_constant && constant(v);
    const auto results = run(node);
    const bool size = node->kind() == jit::aten::size || filled(node);
    for (size_t i = 0; i < results.size(); ++i) {
      (all_constant || size ? known_ : running_)[node->outputs()[i]] = results[i];
    }
    if (!all_constant && !size) lower(node, results);
    forget(node);
  }

  /// Tensors of the run are kept until their last reader has run.
  void forget(const jit::Node* node) {
    for (const jit::Value* v : node->inputs()) {
      if (constant(v)) continue;
      const auto& uses = v->uses();
      const bool last = std::all_of(uses.begin(), uses.end(), [&](const jit::Use& use) {
        return use.user == node || use.user->isBefore(node);
      });
      if (last) running_.erase(v);
    }
  }

  Argument argument(const jit::Value* v) const {
    if (constant(v)) return known_.at(v);
    const auto list = lists_.find(v);
    if (list != lists_.end()) return list->second;
    return ids_.at(v);
  }

  void lower(const jit::Node* node, const std::vector<at::IValue>& results) {
    if (node->kind() == jit::prim::ListConstruct) {  // belongs to whoever reads it
      std::vector<std::variant<at::IValue, int>> parts;
      for (const jit::Value* v : node->inputs()) {
        if (constant(v)) {
          parts.emplace_back(known_.at(v));
        } else {
          parts.emplace_back(ids_.at(v));
        }
      }
      lists_[node->output()] = std::move(parts);
      return;
    }
    Op op;
    op.node = node;
    op.about = about(node);
    for (const jit::Value* v : node->inputs()) op.arguments.push_back(argument(v));
    for (size_t i = 0; i < results.size(); ++i) {
      Value value;
      if (results[i].isTensor()) {
        const auto& t = results[i].toTensor();
        value.sizes = t.sizes().vec();
        value.map = t.dim() == 4 && t.size(0) == 1 && t.scalar_type() == torch::kFloat32;
      }
      op.out.push_back(network_.add_value(std::move(value)));
      ids_[node->outputs()[i]] = op.out.back();
    }
    lower_node(network_, std::move(op));
  }

  std::string about(const jit::Node* node) const {
    std::string text = node->kind().toQualString();
    for (const jit::Value* v : node->inputs()) {
      if (v->node()->kind() != jit::prim::GetAttr || !constant(v)) continue;
      if (!known_.at(v).isTensor()) continue;
      std::string path;
      for (const jit::Node* n = v->node(); n->kind() == jit::prim::GetAttr;
           n = n->input()->node()) {
        path = n->s(jit::attr::name) + (path.empty() ? "" : "." + path);
      }
      return text + " " + path;
    }
    return text;
  }

  const TracedModel& traced_;
  jit::Graph& graph_;
  Network network_;
  std::unordered_map<const jit::Value*, at::IValue> known_, running_;
  std::unordered_map<const jit::Value*, int> ids_;
  std::unordered_map<const jit::Value*, std::vector<std::variant<at::IValue, int>>> lists_;
};

}  // namespace

Network read_network(const TracedModel& traced, const std::array<int64_t, 3>& size) {
  const ImageSize& image = traced.image;
  const std::array<bool, 4>& dynamic = traced.dynamic;
  bool fits = (dynamic[0] || image[0] == 1) && size[0] == image[1];
  for (const size_t axis : {2, 3}) {
    const int64_t n = size[axis - 1];
    fits = fits && (dynamic[axis] ? n > 0 && n % traced.size_multiple == 0 : n == image[axis]);
  }
  if (!fits) {
    fail(ErrorKind::usage, "plan: image is [1," + std::to_string(size[0]) + "," +
                               std::to_string(size[1]) + "," + std::to_string(size[2]) +
                               "], expected " + image_shape(traced));
  }
  const torch::NoGradGuard no_grad;
  return GraphReader(traced, size).read();
}

}  // namespace groundglass::planning
