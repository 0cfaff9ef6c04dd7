#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>

#include <torch/csrc/jit/runtime/graph_executor.h>

#include "groundglass/infer/graph/torchscript.h"

namespace groundglass {

/// A TorchScript module in evaluation mode on the CPU, and what its file says about it.
struct TorchScriptFile {
  torch::jit::Module module;
  ExportNotes notes;  ///< empty where the file is not one of ours
};

/// Reads a file of `export`, torch.jit.trace or torch.jit.script. Throws Error(checkpoint) with the
/// file and what is wrong with it: not there, damaged, weights without a program, no `forward`.
TorchScriptFile read_torchscript(const std::filesystem::path& path);

/// A TorchScript file as a network: what runs it in LibTorch is the file's own code, and plans are
/// made from that code as well (trace_model knows this class). It has no layers to be watched and
/// no parameters to be trained.
class TorchScriptModel final : public SegmentationModel {
 public:
  /// A file of ours; forward() gives the logits, also where the file gives probabilities. Throws
  /// Error(checkpoint) if the notes do not say what reaches the network.
  static std::shared_ptr<TorchScriptModel> exported(const TorchScriptFile& file,
                                                    const std::filesystem::path& path);

  /// Any file that takes an image [1,C,height,width] with C of 1 to 4, found by trying; forward()
  /// gives the first tensor of its answer as it is. Throws Error(usage) with LibTorch's complaint
  /// if it takes none.
  static std::shared_ptr<TorchScriptModel> any(const TorchScriptFile& file,
                                               const std::filesystem::path& path, int64_t height,
                                               int64_t width);

  /// The operators that run for one size [N,C,H,W]; see unroll(), which says what may stand in the
  /// way.
  TracedModel unrolled(const std::array<int64_t, 4>& image) const;

  /// What forward() gives, if that is not all or its notes name it: "'probabilities', the first of
  /// 2 outputs".
  const std::string& output() const { return output_; }

  Features encode(torch::Tensor image) override { return {{std::move(image)}, {}, {}}; }
  Prediction decode(const Features& features) override;
  int64_t stride() const override { return stride_; }
  int64_t in_channels() const override { return in_channels_; }
  int64_t out_channels() const override { return out_channels_; }
  std::vector<std::string> layer_names() const override { return {}; }

  using torch::nn::Module::to;
  void to(torch::Device device, bool non_blocking = false) override;

 private:
  explicit TorchScriptModel(const TorchScriptFile& file);
  at::IValue answer(const torch::Tensor& image);

  torch::jit::Module module_;
  std::shared_ptr<torch::jit::Graph> graph_;  ///< `forward`, inlined; ends in what forward() gives
  std::vector<at::IValue> defaults_;          ///< of its arguments behind the image
  std::optional<torch::jit::GraphExecutor> logits_;  ///< runs the graph where the file ends later
  std::string output_;
  int64_t stride_ = 1, in_channels_ = 1, out_channels_ = 1;
};

}  // namespace groundglass
