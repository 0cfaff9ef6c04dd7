#include "groundglass/infer/graph/unroll.h"

#include <optional>
#include <set>
#include <sstream>
#include <unordered_map>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/jit/ir/constants.h>

#include "groundglass/core/error.h"
#include "groundglass/infer/graph/unroll_operators.h"

namespace groundglass {
namespace jit = torch::jit;
namespace prim = torch::jit::prim;

namespace {

void each_tensor(const at::IValue& value, const std::function<void(const torch::Tensor&)>& see) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) see(value.toTensor());
  } else if (value.isList()) {
    for (const auto& v : value.toListRef()) each_tensor(v, see);
  } else if (value.isTuple()) {
    for (const auto& v : value.toTupleRef().elements()) each_tensor(v, see);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) each_tensor(entry.value(), see);
  }
}

}  // namespace

std::vector<torch::Tensor> tensors_in(const at::IValue& answer) {
  std::vector<torch::Tensor> all;
  each_tensor(answer, [&](const torch::Tensor& t) { all.push_back(t); });
  return all;
}

std::string torch_complaint(const std::exception& e) {
  std::string text = e.what();
  const size_t last = text.rfind("Error: ");
  if (last != std::string::npos) text.erase(0, last + 7);
  return text.substr(0, text.find('\n'));
}

namespace {

[[noreturn]] void refuse(const jit::Node* node, const std::string& why) {
  fail(ErrorKind::usage, std::string(node->kind().toQualString()) + " " + why);
}

/// What says something of a tensor that is the same for all images of its size.
bool tells_no_numbers(const jit::Node* node, const at::IValue& of) {
  static const std::set<std::string> names = {
      "aten::size",          "aten::dim",           "aten::len",
      "aten::numel",         "aten::stride",        "aten::storage_offset",
      "aten::is_complex",    "aten::get_device",    "aten::is_floating_point",
      "aten::__is__",        "aten::__isnot__",     "aten::element_size",
      "aten::keys",          "aten::is_contiguous", "prim::dtype",
      "prim::device",        "prim::layout",        "prim::is_cuda",
      "prim::is_quantized",  "prim::is_sparse",     "prim::is_mkldnn",
      "prim::requires_grad", "prim::shape",         "prim::isinstance"};
  const std::string name = node->kind().toQualString();
  return names.count(name) > 0 || (name == "aten::__contains__" && of.isGenericDict());
}

/// What gives a result whose very size is found in the numbers.
bool counts_numbers(const jit::Node* node) {
  static const std::set<std::string> names = {
      "aten::nonzero",       "aten::nonzero_numpy", "aten::argwhere",
      "aten::masked_select", "aten::bincount",      "aten::_unique",
      "aten::_unique2",      "aten::unique_dim",    "aten::unique_consecutive"};
  const std::string name = node->kind().toQualString();
  return names.count(name) > 0 || (name == "aten::where" && node->inputs().size() == 1);
}

class Unroller {
 public:
  Unroller(const jit::Module& module, jit::Graph& graph) : from_(graph), out_(module) {
    plan_forgetting(*graph.block());
  }

  std::shared_ptr<jit::Graph> unroll(std::vector<at::IValue> inputs) {
    out_.add_image(inputs[1].toTensor());
    const auto answers = run(*from_.block(), inputs);
    const auto tensors = tensors_in(answers.at(0));
    if (tensors.empty()) fail(ErrorKind::usage, "it returns no tensor");
    if (!out_.depends(tensors[0])) {
      fail(ErrorKind::usage, "the first tensor it returns does not depend on the image");
    }
    return out_.finish(tensors[0]);
  }

 private:
  std::vector<at::IValue> run(jit::Block& block, const std::vector<at::IValue>& inputs) {
    for (size_t i = 0; i < inputs.size(); ++i) values_[block.inputs()[i]] = inputs[i];
    for (jit::Node* node : block.nodes()) {
      visit(node);
      if (const auto dead = dead_after_.find(node); dead != dead_after_.end()) {
        for (const jit::Value* v : dead->second) values_.erase(v);
      }
    }
    std::vector<at::IValue> outputs;
    for (const jit::Value* v : block.outputs()) outputs.push_back(values_.at(v));
    return outputs;
  }

  void visit(jit::Node* node) {
    std::vector<at::IValue> inputs;
    for (const jit::Value* v : node->inputs()) inputs.push_back(values_.at(v));
    std::vector<at::IValue> results;
    if (node->kind() == prim::If) {
      results = run(*node->blocks()[inputs[0].toBool() ? 0 : 1], {});
    } else if (node->kind() == prim::Loop) {
      results = loop(node, inputs);
    } else if (auto made = shaped(node, inputs)) {
      results = std::move(*made);
    } else {
      results = operate(node, std::move(inputs));
    }
    for (size_t i = 0; i < results.size(); ++i) values_[node->outputs()[i]] = results[i];
  }

  std::vector<at::IValue> loop(jit::Node* node, const std::vector<at::IValue>& inputs) {
    std::vector<at::IValue> carried(inputs.begin() + 2, inputs.end());
    bool on = inputs[1].toBool();
    for (int64_t i = 0; on && i < inputs[0].toInt(); ++i) {
      carried.insert(carried.begin(), i);
      carried = run(*node->blocks()[0], carried);
      on = carried.front().toBool();
      carried.erase(carried.begin());
    }
    return carried;
  }

  /// Nodes that make or take apart what holds values, for which LibTorch has no operator.
  std::optional<std::vector<at::IValue>> shaped(const jit::Node* node,
                                                std::vector<at::IValue>& in) const {
    using All = std::vector<at::IValue>;
    const auto kind = node->kind();
    if (kind == prim::Constant) return All{jit::toIValue(node->output()).value_or(at::IValue())};
    if (kind == prim::GetAttr) return All{in[0].toObject()->getAttr(node->s(jit::attr::name))};
    if (kind == prim::TupleConstruct) return All{c10::ivalue::Tuple::create(std::move(in))};
    if (kind == prim::TupleUnpack) return in[0].toTuple()->elements().vec();
    if (kind == prim::ListUnpack) return in[0].toListRef().vec();
    if (kind == prim::unchecked_cast || kind == prim::unchecked_unwrap_optional) return All{in[0]};
    if (kind == prim::Uninitialized) return All{at::IValue::uninitialized()};
    if (kind == prim::Print || kind == jit::aten::warn) return All{};
    if (kind == prim::RaiseException) {
      throw std::runtime_error(in[0].isString() ? in[0].toStringRef() : "it raises an exception");
    }
    if (kind == prim::ListConstruct) {
      c10::impl::GenericList list(
          node->output()->type()->expectRef<c10::ListType>().getElementType());
      for (auto& v : in) list.push_back(std::move(v));
      return All{list};
    }
    if (kind == prim::DictConstruct) {
      const auto& type = node->output()->type()->expectRef<c10::DictType>();
      c10::impl::GenericDict dictionary(type.getKeyType(), type.getValueType());
      for (size_t i = 0; i + 1 < in.size(); i += 2) dictionary.insert(in[i], in[i + 1]);
      return All{dictionary};
    }
    if (kind == prim::isinstance) {
      bool is = false;
      for (const auto& type : node->tys(jit::attr::types)) {
        is = is || in[0].type()->isSubtypeOf(*type);
      }
      return All{is};
    }
    return std::nullopt;
  }

  bool depends(const at::IValue& value) const {
    bool any = false;
    each_tensor(value, [&](const torch::Tensor& t) { any = any || out_.depends(t); });
    return any;
  }

  std::vector<at::IValue> operate(const jit::Node* node, std::vector<at::IValue> inputs) {
    if (node->kind() == prim::SetAttr) refuse(node, "changes the network while it runs");
    const auto* schema = node->maybeSchema();
    if (!schema) refuse(node, "is no operator that can be run by itself");
    bool running = false;
    for (const auto& v : inputs) running = running || depends(v);
    if (running && counts_numbers(node)) {
      refuse(node, "gives a size that depends on the numbers in the image");
    }
    std::vector<torch::Tensor> written;
    for (size_t i = 0; i < inputs.size() && i < schema->arguments().size(); ++i) {
      const auto* alias = schema->arguments()[i].alias_info();
      if (!alias || !alias->isWrite() || !inputs[i].isTensor()) continue;
      written.push_back(inputs[i].toTensor());
      if (out_.is_weight(written.back())) refuse(node, "writes into a weight");
      if (written.back().unsafeGetTensorImpl()->storage().use_count() > 1) {
        refuse(node, "writes into a tensor that shares its memory with another");
      }
    }
    jit::Stack stack = inputs;
    node->getOperation()(stack);
    if (running) record(node, inputs, stack, written);
    return stack;
  }

  /// An operator that has run on something that depends on the image.
  void record(const jit::Node* node, const std::vector<at::IValue>& inputs,
              const std::vector<at::IValue>& results, const std::vector<torch::Tensor>& written) {
    bool fresh = !written.empty();
    for (const auto& result : results) {
      bool tensors = false;
      each_tensor(result, [&](const torch::Tensor& t) {
        tensors = true;
        fresh = fresh || !out_.depends(t);
      });
      const bool plain = !result.isList() && !result.isGenericDict() && !result.isTuple();
      if (!tensors && (plain || !result.isList() || result.toListRef().size() > 0) &&
          !tells_no_numbers(node, inputs[0])) {
        refuse(node, "depends on the numbers in the image");
      }
    }
    if (fresh) out_.add(node, inputs, results);
  }

  /// After which node of its block each value has no reader left.
  void plan_forgetting(jit::Block& block) {
    const auto last_reader = [&](const jit::Value* v) {
      const jit::Node* last = nullptr;
      for (const jit::Use& use : v->uses()) {
        const jit::Node* reader = use.user;
        while (reader->owningBlock() != &block) reader = reader->owningBlock()->owningNode();
        if (!last || last->isBefore(reader)) last = reader;
      }
      return last;
    };
    for (jit::Node* node : block.nodes()) {
      for (const jit::Value* v : node->outputs()) {
        const jit::Node* last = last_reader(v);
        dead_after_[last ? last : node].push_back(v);
      }
      for (jit::Block* inner : node->blocks()) plan_forgetting(*inner);
    }
    dead_after_.erase(block.return_node());
  }

  jit::Graph& from_;
  FlatGraph out_;
  std::unordered_map<const jit::Value*, at::IValue> values_;
  std::unordered_map<const jit::Node*, std::vector<const jit::Value*>> dead_after_;
};

}  // namespace

TracedModel unroll(const jit::Module& module, jit::Graph& graph, const ImageSize& image,
                   const std::vector<at::IValue>& defaults) {
  const torch::NoGradGuard no_grad;
  // Not zeros: what compares would go another way than it does for any image
  auto sample =
      at::rand({image[0], image[1], image[2], image[3]}, at::detail::createCPUGenerator(1));
  const auto weights = module.parameters();
  if (weights.size() > 0) sample = sample.to((*weights.begin()).device());
  std::vector<at::IValue> inputs = {module._ivalue(), sample};
  inputs.insert(inputs.end(), defaults.begin(), defaults.end());
  TracedModel flat;
  flat.module = module;
  flat.image = image;
  flat.outputs = {"logits"};
  try {
    if (inputs.size() != graph.inputs().size()) {
      fail(ErrorKind::usage, "it takes " + std::to_string(graph.inputs().size() - 1) +
                                 " arguments, expected an image alone");
    }
    flat.graph = Unroller(module, graph).unroll(std::move(inputs));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    fail(ErrorKind::usage,
         "it does not run on " + c10::str(at::IntArrayRef(image)) + ": " + torch_complaint(e));
  }
  return flat;
}

}  // namespace groundglass
