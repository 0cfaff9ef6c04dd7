#include "groundglass/infer/onnx/onnx.h"

#include <ATen/ATen.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/version.h"
#include "groundglass/infer/onnx/node.h"
#include "groundglass/infer/onnx/proto.h"

namespace groundglass {
using torch::jit::Node;
using torch::jit::Value;
namespace prim = torch::jit::prim;
namespace {

constexpr int64_t kOpset = 17;
constexpr int64_t kIrVersion = 8;

const OnnxOperators& operators() {
  static const OnnxOperators all = [] {
    OnnxOperators table;
    add_onnx_layers(table);
    add_onnx_arithmetic(table);
    add_onnx_shapes(table);
    return table;
  }();
  return all;
}

/// The graph's nodes, one after the other.
class Writer {
 public:
  Writer(const TracedModel& traced, onnx::GraphProto& graph)
      : traced_(traced), graph_(traced.graph), out_(graph) {
    objects_[graph_->inputs()[0]] = {traced.module._ivalue(), ""};
    values_.names[graph_->inputs()[1]] = "image";
  }

  void write() {
    int64_t number = 0;
    const auto total = std::distance(graph_->nodes().begin(), graph_->nodes().end());
    for (const auto* node : graph_->nodes()) {
      values_.place = "node " + std::to_string(++number) + " of " + std::to_string(total);
      for (const auto* input : node->inputs()) {
        if (const auto found = paths_.find(input); found != paths_.end())
          last_weight_ = found->second;
      }
      if (!last_weight_.empty()) values_.place += ", after " + last_weight_;
      write(*node);
    }
    for (size_t i = 0; i < traced_.outputs.size(); ++i) {
      out_.add_named("Identity", {values_.names.at(graph_->outputs()[i])}, traced_.outputs[i]);
    }
  }

 private:
  void write(const Node& node) {
    if (node.kind() == prim::Constant || node.kind() == prim::ListConstruct) return;
    if (node.kind() == prim::GetAttr) return attribute(node);
    if (node.kind() == prim::ListUnpack) return unpack(node);
    OnnxNode step(out_, values_, node);
    const auto found = operators().find(table_name(node));
    if (found == operators().end()) step.refuse("it is not in the table of operators");
    check_in_place(step);
    found->second(step);
  }

  /// Whole numbers have a table of their own, and changes in place that of the others.
  static std::string table_name(const Node& node) {
    std::string name = node.kind().toQualString();
    if (name.back() == '_') name.pop_back();
    const bool number =
        !node.outputs().empty() && node.outputs()[0]->type()->kind() == c10::TypeKind::IntType;
    return number ? name + "/int" : name;
  }

  /// A change of a piece changes the whole, which a graph of values cannot say.
  static void check_in_place(const OnnxNode& step) {
    const std::string name = step.traced().kind().toQualString();
    if (name.back() != '_') return;
    const auto* from = step.traced().input(0)->node();
    const std::string origin = from->kind().toQualString();
    for (const char* view : {"aten::slice", "aten::select", "aten::narrow", "aten::view",
                             "aten::expand", "aten::transpose", "aten::permute"}) {
      if (origin == view) step.refuse("it changes a piece of another tensor in place");
    }
  }

  void attribute(const Node& node) {
    const auto& [object, prefix] = objects_.at(node.input());
    const std::string name = node.s(c10::Symbol::attr("name"));
    const at::IValue value = object->getAttr(name);
    const std::string path = prefix.empty() ? name : prefix + "." + name;
    if (value.isObject()) {
      objects_[node.output()] = {value.toObject(), path};
      return;
    }
    paths_[node.output()] = path;
    values_.types[node.output()] = value.toTensor().scalar_type();
    auto& written = weights_[path];  // the same weight may be fetched twice
    if (written.empty()) written = out_.tensor(value.toTensor(), path);
    values_.names[node.output()] = written;
  }

  void unpack(const Node& node) {
    OnnxNode step(out_, values_, node);
    const auto found = values_.lists.find(node.input());
    if (found == values_.lists.end()) step.refuse("it unpacks a list of unknown origin");
    step.results(found->second);
  }

  struct Object {
    c10::intrusive_ptr<c10::ivalue::Object> object;
    std::string prefix;
  };
  const TracedModel& traced_;
  std::shared_ptr<torch::jit::Graph> graph_;
  OnnxGraph out_;
  OnnxValues values_;
  std::unordered_map<const Value*, Object> objects_;
  std::unordered_map<const Value*, std::string> paths_;  ///< of weights
  std::map<std::string, std::string> weights_;
  std::string last_weight_;
};

/// Sizes as numbers, or as names where they may vary.
void describe(onnx::ValueInfoProto& info, const std::string& name, const Value* value,
              const TracedModel& traced) {
  constexpr std::array<const char*, 4> kNames = {"batch", "channels", "height", "width"};
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  const auto type = value->type()->cast<c10::TensorType>();
  const auto sizes = type ? type->sizes().concrete_sizes() : torch::nullopt;
  if (!sizes) return;
  for (size_t axis = 0; axis < sizes->size(); ++axis) {
    auto& dim = *tensor.mutable_shape()->add_dim();
    const bool of_image = sizes->size() == 4 && (*sizes)[axis] == traced.image[axis];
    if (of_image && traced.dynamic[axis]) {
      dim.set_dim_param(kNames[axis]);
    } else if (of_image || axis == 1) {
      dim.set_dim_value((*sizes)[axis]);
    }  // else it may be anything
  }
}

}  // namespace

std::string onnx_bytes(const TracedModel& traced, const ExportNotes& notes) {
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("groundglass");
  model.set_producer_version(version());
  model.set_doc_string(kNotAMedicalDevice);
  model.add_opset_import()->set_version(kOpset);
  for (const auto& [key, text] : notes) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(text);
  }
  auto& graph = *model.mutable_graph();
  graph.set_name("groundglass");
  const auto* image = traced.graph->inputs()[1];
  describe(*graph.add_input(), "image", image, traced);
  for (size_t i = 0; i < traced.outputs.size(); ++i) {
    describe(*graph.add_output(), traced.outputs[i], traced.graph->outputs()[i], traced);
  }
  Writer(traced, graph).write();
  std::string bytes;
  if (!model.SerializeToString(&bytes)) {
    fail(ErrorKind::usage, "the network is too large for one ONNX file (2 GiB)");
  }
  return bytes;
}

void export_onnx(const TracedModel& traced, const std::filesystem::path& path,
                 const ExportNotes& notes) {
  write_file(path, onnx_bytes(traced, notes));
}

}  // namespace groundglass
