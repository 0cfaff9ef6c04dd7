#include "groundglass/infer/graph/torchscript_file.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/serialization/import.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/infer/graph/unroll.h"
#include "groundglass/io/zip_directory.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace jit = torch::jit;
namespace {

ExportNotes notes_of(const jit::Module& module) {
  ExportNotes notes;
  if (!module.hasattr("notes") || !module.attr("notes").isGenericDict()) return notes;
  for (const auto& entry : module.attr("notes").toGenericDict()) {
    if (entry.key().isString() && entry.value().isString()) {
      notes[entry.key().toStringRef()] = entry.value().toStringRef();
    }
  }
  return notes;
}

/// The value from which probabilities() made `output`: sigmoid, or softmax without the background.
jit::Value* logits_behind(jit::Value* output) {
  const jit::Node* node = output->node();
  if (node->kind() == jit::aten::sigmoid) return node->input(0);
  if (node->kind() == jit::aten::narrow || node->kind() == jit::aten::slice) {
    node = node->input(0)->node();
  }
  return node->kind() == jit::aten::softmax ? node->input(0) : nullptr;
}

/// Makes the logits the graph's one output, whatever it gave before.
void end_in_logits(jit::Graph& graph, const std::string& outputs, const fs::path& path) {
  jit::Value* output = graph.outputs()[0];
  const auto names = split_text(outputs, ',');
  if (names.size() > 1 && output->node()->kind() == jit::prim::TupleConstruct) {
    output = output->node()->input(names.back() == "logits" ? names.size() - 1 : 0);
  }
  if (names.back() != "logits") output = logits_behind(output);
  if (!output) {
    fail(ErrorKind::checkpoint, path.string() +
                                    ": no logits are found behind its probabilities; "
                                    "export it again with --outputs logits");
  }
  graph.eraseOutput(0);
  graph.registerOutput(output);
  jit::EliminateDeadCode(graph.block());
}

std::string described(size_t outputs, const ExportNotes& notes) {
  const auto found = notes.find("outputs");
  const std::string name =
      found == notes.end() ? "" : in_quotes(split_text(found->second, ',').front());
  if (outputs == 1) return name;
  return name + (name.empty() ? "" : ", ") + "the first of " + std::to_string(outputs) + " outputs";
}

int64_t number(const ExportNotes& notes, const char* key, const fs::path& path) {
  const auto found = notes.find(key);
  const std::string text = found == notes.end() ? "" : found->second;
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != text.npos ||
      std::stoll(text) < 1) {
    fail(ErrorKind::checkpoint, path.string() + ": its notes say no " + in_quotes(key) +
                                    "; export the network again with this version");
  }
  return std::stoll(text);
}

}  // namespace

TorchScriptFile read_torchscript(const fs::path& path) {
  const auto refuse = [&](const std::string& why) {
    fail(ErrorKind::checkpoint, path.string() + ": " + why);
  };
  if (!fs::is_regular_file(path)) refuse("no such file");
  TorchScriptFile file;
  const MappedFile bytes(path);
  if (begins_as_zip({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
    check_zip_checksums(bytes, path);  // LibTorch does not look at them
  }
  try {
    file.module = jit::load(path.string(), torch::kCPU);
    file.module.eval();
  } catch (const std::exception& e) {
    refuse("no whole TorchScript file (" + torch_complaint(e) +
           "); expected one of torch.jit.save or `groundglass export`");
  }
  if (!file.module.find_method("forward")) refuse("its module has no method 'forward'");
  file.notes = notes_of(file.module);
  return file;
}

TorchScriptModel::TorchScriptModel(const TorchScriptFile& file) : module_(file.module) {
  const auto method = module_.get_method("forward");
  graph_ = method.graph()->copy();
  jit::Inline(*graph_);
  const auto& arguments = method.function().getSchema().arguments();
  for (size_t i = 2; i < arguments.size(); ++i) {
    if (arguments[i].default_value()) defaults_.push_back(*arguments[i].default_value());
  }
}

std::shared_ptr<TorchScriptModel> TorchScriptModel::exported(const TorchScriptFile& file,
                                                             const fs::path& path) {
  const std::shared_ptr<TorchScriptModel> model(new TorchScriptModel(file));
  model->in_channels_ = number(file.notes, "input_channels", path);
  model->out_channels_ = number(file.notes, "logit_channels", path);
  model->stride_ = number(file.notes, "size_multiple", path);
  const auto outputs = file.notes.find("outputs");
  end_in_logits(*model->graph_, outputs == file.notes.end() ? "logits" : outputs->second, path);
  // Nothing is fused or specialised: the same bits as from the network itself
  model->logits_.emplace(model->graph_, "logits", jit::ExecutorExecutionMode::SIMPLE);
  return model;
}

std::shared_ptr<TorchScriptModel> TorchScriptModel::any(const TorchScriptFile& file,
                                                        const fs::path& path, int64_t height,
                                                        int64_t width) {
  const std::shared_ptr<TorchScriptModel> model(new TorchScriptModel(file));
  const torch::NoGradGuard no_grad;
  std::string complaint;
  for (const int64_t channels : {1, 3, 2, 4}) {
    try {
      const auto tensors =
          tensors_in(model->answer(torch::full({1, channels, height, width}, 0.5)));
      if (tensors.empty()) {
        fail(ErrorKind::usage, path.string() + ": returns no tensor, expected one for an image");
      }
      model->in_channels_ = channels;
      model->out_channels_ = tensors[0].dim() > 1 ? tensors[0].size(1) : 1;
      model->output_ = described(tensors.size(), file.notes);
      return model;
    } catch (const Error&) {
      throw;
    } catch (const std::exception& e) {
      const std::string text = torch_complaint(e);
      // What it says of another number of channels is of no use if its own does not fit in size
      if (complaint.empty() || text.find("channels") == std::string::npos) complaint = text;
    }
  }
  fail(ErrorKind::usage, path.string() + ": takes no image [N,C," + std::to_string(height) + "," +
                             std::to_string(width) + "] of 1 to 4 channels: " + complaint);
}

at::IValue TorchScriptModel::answer(const torch::Tensor& image) {
  if (!logits_) return module_.forward({image});
  jit::Stack stack = {module_._ivalue(), image};
  logits_->run(stack);
  return stack[0];
}

Prediction TorchScriptModel::decode(const Features& features) {
  return {tensors_in(answer(features.maps.at(0))).at(0), {}};
}

TracedModel TorchScriptModel::unrolled(const std::array<int64_t, 4>& image) const {
  return unroll(module_, *graph_, image, defaults_);
}

void TorchScriptModel::to(torch::Device device, bool non_blocking) {
  module_.to(device, non_blocking);
}

}  // namespace groundglass
