#pragma once

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <torch/types.h>

namespace onnx {
class GraphProto;
}

namespace groundglass {

/// Writes the nodes and constants of an ONNX graph, one after the other. Values are known by name;
/// an empty name is an input that is left out.
class OnnxGraph {
 public:
  using Attribute = std::variant<int64_t, double, std::string, std::vector<int64_t>>;
  using Attributes = std::vector<std::pair<const char*, Attribute>>;
  using Names = std::vector<std::string>;

  explicit OnnxGraph(onnx::GraphProto& graph) : graph_(&graph) {}

  /// A node with one output, or several; returns the outputs' names.
  std::string add(const std::string& op, const Names& inputs, const Attributes& attributes = {});
  Names add(const std::string& op, const Names& inputs, const Attributes& attributes,
            size_t outputs);

  /// A node whose output has a name of its own.
  void add_named(const std::string& op, const Names& inputs, const std::string& output);

  /// A constant, under a name that nothing else has. Throws Error(usage) for an element type that
  /// ONNX has no use for here.
  std::string tensor(const torch::Tensor& value, const std::string& name = "");
  std::string ints(const std::vector<int64_t>& values);      ///< int64 [n]
  std::string scalar(double value, torch::ScalarType type);  ///< a constant without axes

 private:
  std::string fresh_name(const std::string& stem);

  onnx::GraphProto* graph_;
  std::map<std::string, int64_t> used_;
  std::map<std::vector<int64_t>, std::string> ints_;
  std::map<std::pair<double, torch::ScalarType>, std::string> scalars_;
};

/// ONNX's number for an element type. Throws Error(usage) if there is none.
int onnx_type(torch::ScalarType type);

}  // namespace groundglass
