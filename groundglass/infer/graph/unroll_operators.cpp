#include "groundglass/infer/graph/unroll_operators.h"

#include <map>

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include "groundglass/core/error.h"

namespace groundglass {
namespace jit = torch::jit;
namespace aten = torch::jit::aten;
namespace {

std::vector<int64_t> pair(const at::IValue& v) {
  if (v.isInt()) return {v.toInt(), v.toInt()};
  auto all = v.toIntVector();
  if (all.size() == 1) all.push_back(all[0]);
  return all;
}

c10::Symbol symbol(const char* name) {
  return c10::Symbol::fromQualString(name);
}

}  // namespace

FlatGraph::FlatGraph(const jit::Module& module)
    : module_(module), graph_(std::make_shared<jit::Graph>()) {
  graph_->addInput("self")->setType(module._ivalue()->type());
  for (const auto& a : module.named_attributes(true)) {
    if (a.value.isTensor() && a.value.toTensor().defined()) {
      weights_[a.value.toTensor().unsafeGetTensorImpl()] = a.name;
    }
  }
}

void FlatGraph::add_image(const torch::Tensor& image) {
  auto* value = graph_->addInput("image");
  value->inferTypeFrom(image);
  name(image, value);
}

bool FlatGraph::is_weight(const torch::Tensor& t) const {
  return weights_.count(t.unsafeGetTensorImpl()) > 0;
}

void FlatGraph::name(const torch::Tensor& t, jit::Value* value) {
  made_.insert_or_assign(
      t.unsafeGetTensorImpl(),
      Made{c10::weak_intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>(t.getIntrusivePtr()),
           value});
}

jit::Value* FlatGraph::weight(const std::string& path) {
  auto*& value = attributes_[path];
  if (value) return value;
  const size_t dot = path.rfind('.');
  jit::Value* object = dot == std::string::npos ? graph_->inputs()[0] : weight(path.substr(0, dot));
  const std::string last = dot == std::string::npos ? path : path.substr(dot + 1);
  value = graph_->insertGetAttr(object, last);
  attributes_[path] = value;
  return value;
}

jit::Value* FlatGraph::value_of(const at::IValue& value) {
  if (value.isTensor() && value.toTensor().defined()) {
    const auto* t = value.toTensor().unsafeGetTensorImpl();
    if (const auto found = made_.find(t); found != made_.end()) return found->second.value;
    if (const auto found = weights_.find(t); found != weights_.end()) return weight(found->second);
  }
  if (value.isList()) {
    bool tensors = false, some = false;
    for (const auto& v : value.toListRef()) {
      tensors = tensors || (v.isTensor() && depends(v.toTensor()));
      some = some || v.isNone();
    }
    if (tensors) {
      std::vector<jit::Value*> all;
      for (const auto& v : value.toListRef()) all.push_back(value_of(v));
      const auto type = some ? c10::TypePtr(c10::OptionalType::ofTensor()) : c10::TensorType::get();
      return graph_->insertNode(graph_->createList(type, all))->output();
    }
  }
  return graph_->insertConstant(value);
}

bool FlatGraph::put(jit::NodeKind kind, const Values& arguments, const at::IValue& result) {
  std::vector<jit::Value*> inputs;
  for (const auto& a : arguments) inputs.push_back(value_of(a));
  auto* node = graph_->insertNode(graph_->create(kind, inputs, 1));
  node->output()->inferTypeFrom(result.toTensor());
  name(result.toTensor(), node->output());
  return true;
}

void FlatGraph::add(const jit::Node* node, const Values& inputs, const Values& results) {
  const Rewrite rewrite = rewrite_of(node->kind().toQualString());
  if (rewrite && (this->*rewrite)(inputs, results)) return;
  std::vector<jit::Value*> arguments;
  for (const auto& v : inputs) arguments.push_back(value_of(v));
  auto* copy = graph_->create(node->kind(), arguments, results.size());
  copy->copyAttributes(*node);
  graph_->insertNode(copy);
  for (size_t i = 0; i < results.size(); ++i) {
    auto* output = copy->outputs()[i];
    if (results[i].isTensor()) {
      output->inferTypeFrom(results[i].toTensor());
      name(results[i].toTensor(), output);
      continue;
    }
    output->setType(node->outputs()[i]->type());
    if (!results[i].isList()) continue;
    const auto parts = results[i].toListRef();
    auto* unpacked = graph_->insertNode(graph_->createListUnpack(output, parts.size()));
    for (size_t p = 0; p < parts.size(); ++p) {
      if (!parts[p].isTensor()) continue;
      unpacked->outputs()[p]->inferTypeFrom(parts[p].toTensor());
      name(parts[p].toTensor(), unpacked->outputs()[p]);
    }
  }
}

std::shared_ptr<jit::Graph> FlatGraph::finish(const torch::Tensor& output) {
  graph_->registerOutput(made_.at(output.unsafeGetTensorImpl()).value);
  for (auto it = graph_->nodes().rbegin(); it != graph_->nodes().rend(); ++it) {
    if (!(*it)->hasUses()) it.destroyCurrent();
  }
  return graph_;
}

bool FlatGraph::convolution(const Values& in, const Values& results) {
  Values all(in.begin(), in.begin() + 9);
  for (const bool flag : {false, false, true, true}) all.emplace_back(flag);
  return put(symbol("aten::_convolution"), all, results[0]);
}

bool FlatGraph::conv2d(const Values& in, const Values& results) {
  const auto stride = pair(in[3]), dilation = pair(in[5]);
  std::vector<int64_t> padding = {0, 0};
  if (!in[4].isString()) {
    padding = pair(in[4]);
  } else if (in[4].toStringRef() == "same") {
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t total = dilation[axis] * (in[1].toTensor().size(2 + axis) - 1);
      if (total % 2 != 0) return false;
      padding[axis] = total / 2;
    }
  }
  return convolution(
      {in[0], in[1], in[2], stride, padding, dilation, false, std::vector<int64_t>{0, 0}, in[6]},
      results);
}

bool FlatGraph::conv_transpose2d(const Values& in, const Values& results) {
  return convolution(
      {in[0], in[1], in[2], pair(in[3]), pair(in[4]), pair(in[7]), true, pair(in[5]), in[6]},
      results);
}

bool FlatGraph::rsub(const Values& in, const Values& results) {
  const auto from = in[1].isTensor()
                        ? in[1].toTensor()
                        : torch::scalar_tensor(in[1].toScalar(), in[0].toTensor().options());
  return put(aten::sub, {from, in[0], in[2]}, results[0]);
}

bool FlatGraph::negate(const Values& in, const Values& results) {
  return put(aten::mul, {in[0], -1.0}, results[0]);
}

bool FlatGraph::divide(const Values& in, const Values& results) {
  if (in.size() != 2 || !in[1].isScalar() || !in[0].toTensor().is_floating_point()) return false;
  return put(aten::mul, {in[0], 1 / in[1].toScalar().toDouble()}, results[0]);
}

bool FlatGraph::adaptive_avg_pool2d(const Values& in, const Values& results) {
  const auto from = in[0].toTensor().sizes(), to = results[0].toTensor().sizes();
  if (from.size() != 4 || from[2] % to[2] != 0 || from[3] % to[3] != 0) return false;
  const std::vector<int64_t> window = {from[2] / to[2], from[3] / to[3]};
  return put(symbol("aten::avg_pool2d"),
             {in[0], window, window, std::vector<int64_t>{0, 0}, false, true, at::IValue()},
             results[0]);
}

bool FlatGraph::constant_pad(const Values& in, const Values& results) {
  constexpr int64_t kConstant = 3;  // at::padding_mode
  const at::IValue value = in[2].isNone() ? in[2] : at::IValue(in[2].toScalar().toDouble());
  return put(symbol("aten::_pad_enum"), {in[0], in[1], kConstant, value}, results[0]);
}

bool FlatGraph::pad(const Values& in, const Values& results) {
  if (in[2].toStringRef() != "constant") return false;
  return constant_pad({in[0], in[1], in[3]}, results);
}

/// Each piece by itself, where it begins.
bool FlatGraph::pieces(const Values& in, const Values& results) {
  if (in.size() != 3 || !in[2].isInt()) return false;
  const int64_t axis = in[2].toInt();
  int64_t begin = 0;
  for (const auto& piece : results[0].toListRef()) {
    const int64_t length = piece.toTensor().size(axis);
    put(aten::narrow, {in[0], axis, begin, length}, piece);
    begin += length;
  }
  return true;
}

FlatGraph::Rewrite FlatGraph::rewrite_of(const std::string& kind) {
  static const std::map<std::string, Rewrite> all = {
      {"aten::conv2d", &FlatGraph::conv2d},
      {"aten::_convolution_mode", &FlatGraph::conv2d},
      {"aten::conv_transpose2d", &FlatGraph::conv_transpose2d},
      {"aten::convolution", &FlatGraph::convolution},
      {"aten::rsub", &FlatGraph::rsub},
      {"aten::neg", &FlatGraph::negate},
      {"aten::div", &FlatGraph::divide},
      {"aten::adaptive_avg_pool2d", &FlatGraph::adaptive_avg_pool2d},
      {"aten::pad", &FlatGraph::pad},
      {"aten::constant_pad_nd", &FlatGraph::constant_pad},
      {"aten::chunk", &FlatGraph::pieces},
      {"aten::split", &FlatGraph::pieces},
      {"aten::split_with_sizes", &FlatGraph::pieces}};
  const auto found = all.find(kind);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace groundglass
