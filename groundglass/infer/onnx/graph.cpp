#include "groundglass/infer/onnx/graph.h"

#include <ATen/ATen.h>

#include "groundglass/core/error.h"
#include "groundglass/infer/onnx/proto.h"

namespace groundglass {
namespace {

void set(onnx::AttributeProto& to, const OnnxGraph::Attribute& value) {
  using Type = onnx::AttributeProto;
  if (const auto* i = std::get_if<int64_t>(&value)) {
    to.set_type(Type::INT);
    to.set_i(*i);
  } else if (const auto* f = std::get_if<double>(&value)) {
    to.set_type(Type::FLOAT);
    to.set_f(static_cast<float>(*f));
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    to.set_type(Type::STRING);
    to.set_s(*s);
  } else {
    to.set_type(Type::INTS);
    for (const int64_t n : std::get<std::vector<int64_t>>(value)) to.add_ints(n);
  }
}

}  // namespace

int onnx_type(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return onnx::TensorProto::FLOAT;
    case torch::kFloat64:
      return onnx::TensorProto::DOUBLE;
    case torch::kInt64:
      return onnx::TensorProto::INT64;
    case torch::kInt32:
      return onnx::TensorProto::INT32;
    case torch::kUInt8:
      return onnx::TensorProto::UINT8;
    case torch::kBool:
      return onnx::TensorProto::BOOL;
    default:
      fail(ErrorKind::usage, std::string("elements of type ") + c10::toString(type) +
                                 " are not exported to ONNX; expected float32, float64, int64, "
                                 "int32, uint8 or bool");
  }
}

std::string OnnxGraph::fresh_name(const std::string& stem) {
  return stem + "_" + std::to_string(used_[stem]++);
}

OnnxGraph::Names OnnxGraph::add(const std::string& op, const Names& inputs,
                                const Attributes& attributes, size_t outputs) {
  auto& node = *graph_->add_node();
  node.set_op_type(op);
  node.set_name(fresh_name(op));
  for (const auto& input : inputs) node.add_input(input);
  for (size_t i = 0; i < outputs; ++i) {
    node.add_output(i == 0 ? node.name() : node.name() + "_" + std::to_string(i));
  }
  for (const auto& [name, value] : attributes) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    set(attribute, value);
  }
  return {node.output().begin(), node.output().end()};
}

std::string OnnxGraph::add(const std::string& op, const Names& inputs,
                           const Attributes& attributes) {
  return add(op, inputs, attributes, 1).front();
}

void OnnxGraph::add_named(const std::string& op, const Names& inputs, const std::string& output) {
  add(op, inputs);
  graph_->mutable_node(graph_->node_size() - 1)->set_output(0, output);
}

std::string OnnxGraph::tensor(const torch::Tensor& value, const std::string& name) {
  auto& stored = *graph_->add_initializer();
  stored.set_name(name.empty() ? fresh_name("constant") : name);
  stored.set_data_type(onnx_type(value.scalar_type()));
  for (const int64_t size : value.sizes()) stored.add_dims(size);
  const auto plain = value.detach().cpu().contiguous();
  stored.set_raw_data(plain.data_ptr(), plain.nbytes());
  return stored.name();
}

std::string OnnxGraph::ints(const std::vector<int64_t>& values) {
  auto& name = ints_[values];
  if (name.empty()) name = tensor(torch::tensor(values, torch::kInt64));
  return name;
}

std::string OnnxGraph::scalar(double value, torch::ScalarType type) {
  auto& name = scalars_[{value, type}];
  if (name.empty()) name = tensor(torch::full({}, value, type));
  return name;
}

}  // namespace groundglass
