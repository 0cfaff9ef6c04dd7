#pragma once

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <torch/types.h>

#include "groundglass/infer/graph/trace.h"

namespace groundglass {

/// ONNX Runtime on the exported network, in a Node process of its own: the peer that `bench`
/// compares with, run by run in turns with ours.
class OnnxPeer {
 public:
  /// The folder that holds onnxruntime-node: $GROUNDGLASS_NODE_MODULES, or node/node_modules in the
  /// build folder (tools/check_exports puts it there). Empty if there is none, or no node program.
  static std::filesystem::path node_modules();

  /// Exports the network, starts the process and loads the image [N,C,H,W]. The graph is optimised
  /// as far as the runtime can, with as many threads as LibTorch has. Throws Error(internal) with
  /// what the runtime complains of.
  OnnxPeer(const TracedModel& traced, const torch::Tensor& image,
           const std::filesystem::path& node_modules);
  ~OnnxPeer();
  OnnxPeer(const OnnxPeer&) = delete;
  OnnxPeer& operator=(const OnnxPeer&) = delete;

  void run();              ///< once, logits not handed over
  torch::Tensor logits();  ///< of one more run, [N,K,H,W]
  double peak_rss_mib();   ///< of its process, Node (some 50 MiB) included
  /// By how much the peak of its process has grown since just before the session was created.
  double memory_mib();
  const std::string& version() const { return version_; }

 private:
  std::string ask(const std::string& word);

  std::filesystem::path folder_;
  int process_ = -1;
  std::unique_ptr<FILE, int (*)(FILE*)> to_{nullptr, fclose}, from_{nullptr, fclose};
  std::string version_;
};

}  // namespace groundglass
