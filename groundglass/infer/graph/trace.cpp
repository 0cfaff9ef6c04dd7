#include "groundglass/infer/graph/trace.h"

#include <algorithm>
#include <sstream>

#include <ATen/ATen.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/shape_analysis.h>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/infer/graph/dynamic_sizes.h"
#include "groundglass/infer/graph/torchscript_file.h"

namespace groundglass {
namespace jit = torch::jit;
namespace {

/// Evaluation mode while it lives; afterwards every part is as it was.
class Evaluating {
 public:
  explicit Evaluating(torch::nn::Module& module) {
    module.apply([this](const std::string&, const std::shared_ptr<torch::nn::Module>& part) {
      if (part) parts_.emplace_back(part.get(), part->is_training());
    });
    root_ = &module;
    was_training_ = module.is_training();
    module.eval();
  }
  ~Evaluating() {
    root_->train(was_training_);
    for (auto& [part, training] : parts_) part->train(training);
  }
  Evaluating(const Evaluating&) = delete;
  Evaluating& operator=(const Evaluating&) = delete;

 private:
  torch::nn::Module* root_;
  bool was_training_;
  std::vector<std::pair<torch::nn::Module*, bool>> parts_;
};

/// A network on the processor while it lives; afterwards it is back where it was.
class OnCpu {
 public:
  explicit OnCpu(SegmentationModel& model) : model_(model) {
    const auto weights = model.parameters();
    if (!weights.empty()) home_ = weights[0].device();
    if (!home_.is_cpu()) model_.to(torch::kCPU);
  }
  ~OnCpu() {
    if (!home_.is_cpu()) model_.to(home_);
  }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

 private:
  SegmentationModel& model_;
  torch::Device home_ = torch::kCPU;
};

/// "groundglass::(anonymous namespace)::BlockImpl" -> "BlockImpl", a name that Python can say.
std::string class_name(const torch::nn::Module& module) {
  std::string name = module.name();
  if (const size_t colon = name.rfind(':'); colon != std::string::npos) name.erase(0, colon + 1);
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) ? "M" + name : name;
}

/// The same tree of names and tensors, without what the modules do.
jit::Module tree_of(const torch::nn::Module& module,
                    const std::shared_ptr<jit::CompilationUnit>& unit) {
  jit::Module tree(c10::QualifiedName("__torch__.groundglass." + class_name(module)), unit, true);
  tree.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& p : module.named_parameters(false)) {
    tree.register_parameter(p.key(), p.value(), false);
  }
  for (const auto& b : module.named_buffers(false)) {
    tree.register_parameter(b.key(), b.value(), true);
  }
  for (const auto& c : module.named_children()) {
    tree.register_module(c.key(), tree_of(*c.value(), unit));
  }
  return tree;
}

/// The tracer knows tensors by identity; what is handed on must not ask for gradients.
void detach_weights(const jit::Module& tree) {
  for (jit::Module part : tree.modules()) {
    for (const auto& attribute : part.named_attributes(false)) {
      if (attribute.value.isTensor()) {
        part.setattr(attribute.name, attribute.value.toTensor().detach());
      }
    }
  }
}

std::shared_ptr<jit::Graph> traced_graph(jit::Module& tree, const ImageFunction& function,
                                         const torch::Tensor& image) {
  const auto result = jit::tracer::trace(
      {image},
      [&](jit::Stack inputs) {
        jit::Stack outputs;
        for (auto& o : function(inputs.front().toTensor())) outputs.emplace_back(std::move(o));
        return outputs;
      },
      [](const torch::autograd::Variable&) { return std::string(); }, true, false, &tree,
      {"image"});
  jit::EliminateDeadCode(result.first->graph);
  return result.first->graph;
}

torch::Tensor random_image(const ImageSize& size) {
  // No draw from the generator of the program: exporting must not change what follows.
  const int64_t n = size[0] * size[1] * size[2] * size[3];
  return (torch::arange(n, torch::kFloat64) * 0.6180339887498949)
      .frac()
      .to(torch::kFloat32)
      .view({size[0], size[1], size[2], size[3]});
}

/// Ends the graph with an error unless the image's axis is a multiple of `unit`, or `unit` itself.
void insert_size_check(jit::Graph& graph, size_t axis, int64_t unit, bool multiple,
                       const std::string& message) {
  using namespace jit;
  Value* size = graph.insert(aten::size, {graph.inputs()[1], static_cast<int64_t>(axis)});
  Value* fits = multiple ? graph.insert(aten::eq, {graph.insert(aten::remainder, {size, unit}), 0})
                         : graph.insert(aten::eq, {size, unit});
  Node* branch = graph.insertNode(graph.create(prim::If, {fits}, 0));
  branch->addBlock();
  const WithInsertPoint otherwise(branch->addBlock());
  graph.insertNode(graph.create(
      prim::RaiseException, {graph.insertConstant(message), graph.insertConstant(IValue())}, 0));
}

/// Gives the module its method: a copy of the graph, without the sizes of the traced image.
void add_forward(TracedModel& traced) {
  const auto graph = traced.graph->copy();
  jit::EraseShapeInformation(graph);
  {
    const jit::WithInsertPoint at_head(*graph->nodes().begin());
    const std::string message = "expected an image " + image_shape(traced);
    for (const size_t axis : {0, 1, 2, 3}) {
      const bool size = axis >= 2 && traced.dynamic[axis];
      if (traced.dynamic[axis] && (!size || traced.size_multiple == 1)) continue;
      insert_size_check(*graph, axis, size ? traced.size_multiple : traced.image[axis], size,
                        message);
    }
  }
  if (graph->outputs().size() > 1) {
    const std::vector<jit::Value*> outputs(graph->outputs().begin(), graph->outputs().end());
    auto* tuple = graph->insertNode(graph->createTuple(outputs))->output();
    for (size_t i = 0; i < outputs.size(); ++i) graph->eraseOutput(0);
    graph->registerOutput(tuple);
  }
  const c10::QualifiedName name(*traced.module.type()->name(), "forward");
  auto unit = traced.module._ivalue()->compilation_unit();
  traced.module.type()->addMethod(unit->create_function(name, graph));
}

/// Throws unless graph and function agree where every axis that may move has moved.
void check(TracedModel& traced, const ImageFunction& function, const ImageSize& step) {
  ImageSize size = traced.image;
  for (size_t axis = 0; axis < 4; ++axis) {
    if (traced.dynamic[axis]) size[axis] += static_cast<int64_t>(3 + axis) * step[axis];
  }
  const auto image = random_image(size);
  const auto expected = function(image);
  const auto answer = traced.module.forward({image});
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto found =
        expected.size() == 1 ? answer.toTensor() : answer.toTuple()->elements()[i].toTensor();
    if (found.sizes() == expected[i].sizes() &&
        torch::allclose(found, expected[i], 1e-5, 1e-6, true)) {
      continue;
    }
    std::ostringstream text;
    text << "the traced graph gives another " << traced.outputs[i]
         << " than the network for an image of " << image.sizes() << "; traced at "
         << at::IntArrayRef(traced.image);
    fail(ErrorKind::internal, text.str());
  }
}

}  // namespace

TracedModel trace_module(torch::nn::Module& module, const ImageFunction& function,
                         const TraceOptions& options) {
  const torch::NoGradGuard no_grad;
  const Evaluating evaluating(module);
  TracedModel traced;
  traced.image = options.image;
  traced.outputs = options.outputs;
  traced.size_multiple = options.size_multiple;
  traced.module = tree_of(module, std::make_shared<jit::CompilationUnit>());
  const ImageSize step = {1, 0, options.size_multiple, options.size_multiple};
  const auto trace_at = [&](const ImageSize& size) {
    return traced_graph(traced.module, function, random_image(size));
  };
  traced.graph = trace_at(options.image);
  traced.dynamic = make_sizes_dynamic(*traced.graph, traced.graph->inputs()[1], options.image, step,
                                      [&](const ImageSize& size) -> std::shared_ptr<jit::Graph> {
                                        try {
                                          return trace_at(size);
                                        } catch (const Error&) {
                                        } catch (const c10::Error&) {
                                        }
                                        return nullptr;
                                      });
  jit::EliminateDeadCode(traced.graph);
  detach_weights(traced.module);
  add_forward(traced);
  check(traced, function, step);
  return traced;
}

TracedModel trace_model(SegmentationModel& model, ExportOutput output, int64_t height,
                        int64_t width) {
  const OnCpu on_cpu(model);
  if (const auto* file = dynamic_cast<const TorchScriptModel*>(&model)) {
    if (output == ExportOutput::logits) {
      return file->unrolled({1, model.in_channels(), height, width});
    }
    fail(ErrorKind::usage, "a network from a TorchScript file gives what its file gives");
  }
  TraceOptions options;
  options.size_multiple = model.stride();
  options.outputs.clear();
  if (output != ExportOutput::logits) options.outputs.emplace_back("probabilities");
  if (output != ExportOutput::probabilities) options.outputs.emplace_back("logits");
  const auto function = [&](const torch::Tensor& image) {
    const auto logits = model.forward(image).logits;
    std::vector<torch::Tensor> outputs;
    if (output != ExportOutput::logits) outputs.push_back(probabilities(logits));
    if (output != ExportOutput::probabilities) outputs.push_back(logits);
    return outputs;
  };
  // Most networks take any size, and small images are traced in a tenth of the time.
  const int64_t unit = model.stride() * std::max<int64_t>(1, 16 / model.stride());
  try {
    options.image = {2, model.in_channels(), 2 * unit, 3 * unit};
    TracedModel traced = trace_module(model, function, options);
    if (traced.dynamic[2] && traced.dynamic[3]) return traced;
  } catch (const Error&) {  // too small for it; a mistake shows at its own size as well
  } catch (const c10::Error&) {
  }
  options.image = {2, model.in_channels(), height, width};
  return trace_module(model, function, options);
}

std::string image_shape(const TracedModel& traced) {
  constexpr std::array<const char*, 4> kNames = {"N", "C", "H", "W"};
  std::string text = "[", moving;
  for (size_t axis = 0; axis < 4; ++axis) {
    text += axis == 0 ? "" : ",";
    text += traced.dynamic[axis] ? kNames[axis] : std::to_string(traced.image[axis]);
    if (axis >= 2 && traced.dynamic[axis])
      moving += (moving.empty() ? "" : " and ") + std::string(kNames[axis]);
  }
  text += "]";
  if (moving.empty() || traced.size_multiple == 1) return text;
  return text + ", " + moving + (moving.size() == 1 ? " a multiple of " : " multiples of ") +
         std::to_string(traced.size_multiple);
}

}  // namespace groundglass
