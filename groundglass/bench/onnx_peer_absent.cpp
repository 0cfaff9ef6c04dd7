#include "groundglass/bench/onnx_peer.h"
#include "groundglass/core/error.h"

namespace groundglass {
namespace {

[[noreturn]] void refuse_peer() {
  fail(ErrorKind::internal, "ONNX Runtime was asked for in a build that writes no ONNX");
}

}  // namespace

std::filesystem::path OnnxPeer::node_modules() {
  return {};
}

OnnxPeer::OnnxPeer(const TracedModel&, const torch::Tensor&, const std::filesystem::path&) {
  refuse_peer();
}

OnnxPeer::~OnnxPeer() = default;

void OnnxPeer::run() {
  refuse_peer();
}

torch::Tensor OnnxPeer::logits() {
  refuse_peer();
}

double OnnxPeer::peak_rss_mib() {
  refuse_peer();
}

double OnnxPeer::memory_mib() {
  refuse_peer();
}

}  // namespace groundglass
