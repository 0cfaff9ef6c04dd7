#include "groundglass/core/error.h"
#include "groundglass/infer/onnx/onnx.h"

namespace groundglass {

void export_onnx(const TracedModel&, const std::filesystem::path& path, const ExportNotes&) {
  fail(ErrorKind::usage,
       path.string() + ": the core build writes no ONNX; expected .pt or .safetensors");
}

}  // namespace groundglass
