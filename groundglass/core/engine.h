#pragma once

#include <string>

#include <torch/types.h>

namespace groundglass {

/// Where and in which arithmetic a network runs.
struct Engine {
  torch::Device device = torch::kCPU;
  torch::ScalarType precision = torch::kFloat32;  ///< of convolutions; bfloat16 runs under autocast
};

/// "fp32", "bf16" or "int8", as --precision and tables call an arithmetic.
inline const char* precision_name(torch::ScalarType precision) {
  if (precision == torch::kQInt8) return "int8";
  return precision == torch::kBFloat16 ? "bf16" : "fp32";
}

/// The engine that words ask for.
///
/// device     "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:n"
/// precision  "auto" (bf16 on CUDA and where bf16_pays()), "fp32" or "bf16"
///
/// Throws Error(device) if the device is not there, Error(usage) for another word.
Engine engine_named(const std::string& device, const std::string& precision);

}  // namespace groundglass
