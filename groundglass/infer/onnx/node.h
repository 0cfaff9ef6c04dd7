#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>

#include "groundglass/infer/onnx/graph.h"

namespace groundglass {

/// What of the traced graph has been written already. A whole number is a vector of one element,
/// so that shapes are put together by concatenation.
struct OnnxValues {
  std::unordered_map<const torch::jit::Value*, std::string> names;
  std::unordered_map<const torch::jit::Value*, std::vector<std::string>> lists;
  std::unordered_map<const torch::jit::Value*, torch::ScalarType> types;  ///< of weights
  std::string place;  ///< e.g. "node 35 of 120, after enc.1.conv.weight"
};

/// One node of the traced graph on its way into ONNX. Inputs have the names of LibTorch's schemas.
class OnnxNode {
 public:
  OnnxNode(OnnxGraph& graph, OnnxValues& values, const torch::jit::Node& traced)
      : out(graph), values_(values), node_(traced) {}

  OnnxGraph& out;

  bool given(const char* input) const;  ///< part of the schema, and not None
  /// Numbers known when the graph is written; each refuses what is computed when it runs.
  int64_t integer(const char* input) const;
  double number(const char* input) const;
  bool flag(const char* input) const;
  std::string word(const char* input) const;
  std::vector<int64_t> integers(const char* input) const;
  std::vector<double> numbers(const char* input) const;
  bool known(const char* input) const;  ///< whether integers() would not refuse

  std::string tensor(const char* input) const;  ///< "" for None
  std::vector<std::string> tensors(const char* input) const;
  std::string size(const char* input) const;   ///< int64 [1]
  std::string sizes(const char* input) const;  ///< int64 [n]
  /// A tensor or number as elements of that type.
  std::string operand(const char* input, torch::ScalarType type) const;

  int64_t rank(const char* input = "self") const;
  int64_t axis(const char* input = "dim", const char* of = "self") const;  ///< not negative
  std::vector<int64_t> axes(const char* input = "dim", const char* of = "self") const;
  torch::ScalarType type(const char* input = "self") const;
  torch::ScalarType result_type() const;
  /// Sizes in the trace; true for the axes that do not move.
  std::vector<int64_t> traced_sizes(const char* input) const;
  std::vector<int64_t> traced_result_sizes() const;

  const torch::jit::Node& traced() const { return node_; }
  void result(const std::string& name) { values_.names[node_.outputs()[0]] = name; }
  void results(const std::vector<std::string>& names);
  void result_list(const std::vector<std::string>& names) {
    values_.lists[node_.outputs()[0]] = names;
  }

  /// Throws Error(usage) that names the operator and its place in the network.
  [[noreturn]] void refuse(const std::string& why) const;

  torch::jit::Value* input(const char* name) const { return node_.namedInput(name); }
  std::string name_of(const torch::jit::Value* value) const;
  std::string size_of(const torch::jit::Value* value) const;

 private:
  OnnxValues& values_;
  const torch::jit::Node& node_;
};

/// Writes one node of the traced graph.
using OnnxOperator = void (*)(OnnxNode&);
using OnnxOperators = std::map<std::string, OnnxOperator>;  ///< by name: "aten::relu"

void add_onnx_layers(OnnxOperators& all);      ///< convolutions, pooling, norms, resizing
void add_onnx_arithmetic(OnnxOperators& all);  ///< numbers of one tensor, of two, and reductions
void add_onnx_shapes(OnnxOperators& all);      ///< views, pieces, copies, sizes

}  // namespace groundglass
