#include "groundglass/core/engine.h"

#include <algorithm>

#include <torch/cuda.h>

#include "groundglass/core/bf16_pays.h"
#include "groundglass/core/error.h"
#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

torch::Device device_of(const std::string& text) {
  const bool cuda = torch::cuda::is_available();
  if (text == "auto") return cuda ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
  if (text == "cpu") return torch::kCPU;
  if (text != "cuda" && text.rfind("cuda:", 0) != 0) {
    fail(ErrorKind::usage, "--device " + in_quotes(text) + ": expected auto, cpu, cuda or cuda:n");
  }
  if (!cuda) {
    fail(ErrorKind::device, "--device " + text + ": this machine or this LibTorch has no CUDA");
  }
  const auto number = text.size() > 4 ? number_in(text.substr(5)) : 0;
  const auto index = static_cast<int64_t>(std::clamp(number.value_or(-1), -1.0, 1e6));
  if (!number || static_cast<double>(index) != *number) {
    fail(ErrorKind::usage, "--device " + in_quotes(text) + ": expected cuda:n with a number");
  }
  const auto count = static_cast<int64_t>(torch::cuda::device_count());
  if (index < 0 || index >= count) {
    fail(ErrorKind::device,
         "--device " + text + ": there are " + std::to_string(count) + " devices, numbered from 0");
  }
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace

Engine engine_named(const std::string& device, const std::string& precision) {
  Engine engine;
  engine.device = device_of(device);
  if (precision == "auto") {
    const bool fast = engine.device.is_cuda() || cpu_bf16_pays();
    engine.precision = fast ? torch::kBFloat16 : torch::kFloat32;
  } else if (precision == "bf16") {
    engine.precision = torch::kBFloat16;
  } else if (precision == "int8") {
    fail(ErrorKind::usage,
         "--precision int8: only predict, detect and bench --engine plan run in it; expected auto, "
         "fp32 or bf16");
  } else if (precision != "fp32") {
    fail(ErrorKind::usage, "--precision " + in_quotes(precision) + ": expected auto, fp32 or bf16");
  }
  return engine;
}

}  // namespace groundglass
