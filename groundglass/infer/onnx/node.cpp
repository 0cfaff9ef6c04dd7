#include "groundglass/infer/onnx/node.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include "groundglass/core/error.h"

namespace groundglass {
using torch::jit::Value;
namespace {

std::vector<int64_t> sizes_in_trace(const Value* value) {
  const auto type = value->type()->cast<c10::TensorType>();
  const auto sizes = type ? type->sizes().concrete_sizes() : torch::nullopt;
  return sizes ? *sizes : std::vector<int64_t>();
}

/// The elements of a list, or nothing if one of them is no constant.
template <class T>
torch::optional<std::vector<T>> constants(const Value* list) {
  if (const auto whole = torch::jit::toIValue(list)) return whole->to<std::vector<T>>();
  if (list->node()->kind() != torch::jit::prim::ListConstruct) return torch::nullopt;
  std::vector<T> all;
  for (const auto* element : list->node()->inputs()) {
    const auto constant = torch::jit::toIValue(element);
    if (!constant) return torch::nullopt;
    all.push_back(constant->to<T>());
  }
  return all;
}

}  // namespace

void OnnxNode::refuse(const std::string& why) const {
  std::string text =
      std::string("no ONNX for ") + node_.kind().toQualString() + ": " + why + "; " + values_.place;
  const auto sizes = node_.outputs().empty() ? std::vector<int64_t>() : traced_result_sizes();
  if (!sizes.empty()) text += ", output " + c10::str(at::IntArrayRef(sizes));
  fail(ErrorKind::usage, text);
}

bool OnnxNode::given(const char* name) const {
  if (!node_.hasNamedInput(name)) return false;
  const auto constant = torch::jit::toIValue(input(name));
  return !(constant && constant->isNone());
}

int64_t OnnxNode::integer(const char* name) const {
  const auto constant = torch::jit::toIValue(input(name));
  if (!constant) refuse(std::string(name) + " depends on the size of the image");
  return constant->toInt();
}

double OnnxNode::number(const char* name) const {
  const auto constant = torch::jit::toIValue(input(name));
  if (constant && constant->isTensor()) return constant->toTensor().item<double>();
  if (!constant) refuse(std::string(name) + " is computed when the network runs");
  return constant->toScalar().toDouble();
}

bool OnnxNode::flag(const char* name) const {
  return torch::jit::constant_as<bool>(input(name)).value_or(false);
}

std::string OnnxNode::word(const char* name) const {
  return torch::jit::constant_as<std::string>(input(name)).value_or("");
}

bool OnnxNode::known(const char* name) const {
  return constants<int64_t>(input(name)).has_value();
}

std::vector<int64_t> OnnxNode::integers(const char* name) const {
  const auto all = constants<int64_t>(input(name));
  if (!all) refuse(std::string(name) + " depends on the size of the image");
  return *all;
}

std::vector<double> OnnxNode::numbers(const char* name) const {
  const auto all = constants<double>(input(name));
  if (!all) refuse(std::string(name) + " is computed when the network runs");
  return *all;
}

std::string OnnxNode::name_of(const Value* value) const {
  if (const auto found = values_.names.find(value); found != values_.names.end()) {
    return found->second;
  }
  const auto constant = torch::jit::toIValue(value);
  if (constant && constant->isNone()) return "";
  if (!constant || !constant->isTensor()) refuse("an input is no tensor");
  if (!constant->toTensor().defined()) return "";
  return values_.names[value] = out.tensor(constant->toTensor());
}

std::string OnnxNode::tensor(const char* name) const {
  return node_.hasNamedInput(name) ? name_of(input(name)) : "";
}

std::vector<std::string> OnnxNode::tensors(const char* name) const {
  std::vector<std::string> names;
  const Value* list = input(name);
  if (const auto found = values_.lists.find(list); found != values_.lists.end()) {
    return found->second;
  }
  if (list->node()->kind() != torch::jit::prim::ListConstruct) refuse("a list that is no list");
  for (const auto* element : list->node()->inputs()) names.push_back(name_of(element));
  return names;
}

std::string OnnxNode::size_of(const Value* value) const {
  if (const auto constant = torch::jit::toIValue(value)) return out.ints({constant->toInt()});
  const auto found = values_.names.find(value);
  if (found == values_.names.end()) refuse("a size of unknown origin");
  return found->second;
}

std::string OnnxNode::size(const char* name) const {
  return size_of(input(name));
}

std::string OnnxNode::sizes(const char* name) const {
  if (const auto all = constants<int64_t>(input(name))) return out.ints(*all);
  if (input(name)->node()->kind() != torch::jit::prim::ListConstruct) {
    refuse(std::string(name) + " is computed in a way that ONNX cannot follow");
  }
  std::vector<std::string> parts;
  for (const auto* element : input(name)->node()->inputs()) parts.push_back(size_of(element));
  return parts.size() == 1 ? parts.front() : out.add("Concat", parts, {{"axis", 0}});
}

std::string OnnxNode::operand(const char* name, torch::ScalarType wanted) const {
  const auto constant = torch::jit::toIValue(input(name));
  if (constant && constant->isScalar()) return out.scalar(number(name), wanted);
  if (input(name)->type()->kind() == c10::TypeKind::IntType) {
    return out.add("Cast", {size(name)}, {{"to", onnx_type(wanted)}});
  }
  const std::string found = tensor(name);
  return type(name) == wanted ? found : out.add("Cast", {found}, {{"to", onnx_type(wanted)}});
}

int64_t OnnxNode::rank(const char* of) const {
  return static_cast<int64_t>(traced_sizes(of).size());
}

int64_t OnnxNode::axis(const char* name, const char* of) const {
  const int64_t given_axis = integer(name);
  return given_axis < 0 ? given_axis + rank(of) : given_axis;
}

std::vector<int64_t> OnnxNode::axes(const char* name, const char* of) const {
  std::vector<int64_t> all = integers(name);
  for (auto& a : all) a += a < 0 ? rank(of) : 0;
  return all;
}

torch::ScalarType OnnxNode::type(const char* name) const {
  const Value* value = input(name);
  if (const auto known_type = values_.types.find(value); known_type != values_.types.end()) {
    return known_type->second;
  }
  const auto tensor_type = value->type()->cast<c10::TensorType>();
  return tensor_type ? tensor_type->scalarType().value_or(torch::kFloat32) : torch::kFloat32;
}

torch::ScalarType OnnxNode::result_type() const {
  const auto tensor_type = node_.outputs()[0]->type()->cast<c10::TensorType>();
  return tensor_type ? tensor_type->scalarType().value_or(torch::kFloat32) : torch::kFloat32;
}

std::vector<int64_t> OnnxNode::traced_sizes(const char* name) const {
  const Value* value = input(name);
  auto sizes = sizes_in_trace(value);
  if (sizes.empty()) {
    const auto constant = torch::jit::toIValue(value);
    if (constant && constant->isTensor()) sizes = constant->toTensor().sizes().vec();
  }
  return sizes;
}

std::vector<int64_t> OnnxNode::traced_result_sizes() const {
  return sizes_in_trace(node_.outputs()[0]);
}

void OnnxNode::results(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) values_.names[node_.outputs()[i]] = names[i];
}

}  // namespace groundglass
