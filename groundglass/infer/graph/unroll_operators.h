#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

namespace groundglass {

/// Operators one after the other, as unroll() finds them. Which value of the graph a tensor is goes
/// by the tensor itself, so lists, tuples and branches may carry it anywhere.
class FlatGraph {
 public:
  explicit FlatGraph(const torch::jit::Module& module);

  void add_image(const torch::Tensor& image);
  bool depends(const torch::Tensor& t) const { return made_.count(t.unsafeGetTensorImpl()) > 0; }
  bool is_weight(const torch::Tensor& t) const;

  /// An operator that gave `results` for `inputs`, in the way a trace writes it if there is one.
  void add(const torch::jit::Node* node, const std::vector<at::IValue>& inputs,
           const std::vector<at::IValue>& results);

  /// The graph from image to `output`, without what nobody reads.
  std::shared_ptr<torch::jit::Graph> finish(const torch::Tensor& output);

 private:
  using Values = std::vector<at::IValue>;
  using Rewrite = bool (FlatGraph::*)(const Values& in, const Values& results);

  /// Adds a node with these arguments whose one output is `result`; always true.
  bool put(torch::jit::NodeKind kind, const Values& arguments, const at::IValue& result);
  void name(const torch::Tensor& t, torch::jit::Value* value);
  torch::jit::Value* value_of(const at::IValue& value);
  torch::jit::Value* weight(const std::string& path);

  // Each returns false where the general way must be taken.
  bool conv2d(const Values& in, const Values& results);
  bool conv_transpose2d(const Values& in, const Values& results);
  bool convolution(const Values& in, const Values& results);
  bool rsub(const Values& in, const Values& results);
  bool negate(const Values& in, const Values& results);
  bool divide(const Values& in, const Values& results);
  bool adaptive_avg_pool2d(const Values& in, const Values& results);
  bool pad(const Values& in, const Values& results);
  bool constant_pad(const Values& in, const Values& results);
  bool pieces(const Values& in, const Values& results);
  static Rewrite rewrite_of(const std::string& kind);

  struct Made {
    c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl> tensor;  ///< keeps its address
    torch::jit::Value* value;
  };
  torch::jit::Module module_;
  std::shared_ptr<torch::jit::Graph> graph_;
  std::unordered_map<const at::TensorImpl*, Made> made_;
  std::unordered_map<const at::TensorImpl*, std::string> weights_;
  std::unordered_map<std::string, torch::jit::Value*> attributes_;
};

}  // namespace groundglass
