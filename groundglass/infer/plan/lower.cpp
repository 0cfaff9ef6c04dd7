#include "groundglass/infer/plan/lower.h"

#include <torch/csrc/jit/ir/constants.h>

#include "groundglass/infer/plan/lower_call.h"

namespace groundglass::planning {
namespace jit = torch::jit;
namespace {

/// Null for an operator that no step of a plan does.
Lower lowering_of(const std::string& name) {
  for (const Lowerings* all : {&lowered_layers(), &lowered_parts(), &lowered_arithmetic()}) {
    const auto found = all->find(name);
    if (found != all->end()) return found->second;
  }
  return nullptr;
}

/// Whether the operator writes into an argument.
bool writes(const jit::Node* node) {
  const auto* schema = node->maybeSchema();
  return schema && schema->is_mutable();
}

}  // namespace

std::vector<at::IValue> run_node(const jit::Node* node, std::vector<at::IValue> inputs) {
  if (node->kind() == jit::prim::Constant) {
    const auto value = jit::toIValue(node->output());
    return {value ? *value : at::IValue()};
  }
  if (node->kind() == jit::prim::GetAttr) {
    return {inputs[0].toObject()->getAttr(node->s(jit::attr::name))};
  }
  if (node->kind() == jit::prim::ListUnpack) {
    const auto list = inputs[0].toListRef();
    return std::vector<at::IValue>(list.begin(), list.end());
  }
  if (node->kind() == jit::prim::ListConstruct) {
    const auto type = node->output()->type()->expectRef<c10::ListType>().getElementType();
    c10::impl::GenericList list(type);
    for (auto& v : inputs) list.push_back(std::move(v));
    return {list};
  }
  if (writes(node)) {
    for (auto& v : inputs) {
      if (v.isTensor() && v.toTensor().defined()) v = v.toTensor().clone();
    }
  }
  jit::Stack stack = std::move(inputs);
  node->getOperation()(stack);
  return stack;
}

void lower_node(Network& network, Op op) {
  const Lower lower = lowering_of(op.node->kind().toQualString());
  Call call(network, op);
  if (lower == nullptr || !lower(call)) {
    op.kind = Kind::torch;
    op.in.clear();
    for (const Argument& a : op.arguments) {
      if (const int* id = std::get_if<int>(&a)) op.in.push_back(*id);
      if (const auto* list = std::get_if<2>(&a)) {
        for (const auto& part : *list) {
          if (const int* id = std::get_if<int>(&part)) op.in.push_back(*id);
        }
      }
    }
    for (const int out : op.out) network.values[static_cast<size_t>(out)].places = false;
  }
  if (!op.out.empty()) network.ops.push_back(std::move(op));
}

}  // namespace groundglass::planning
