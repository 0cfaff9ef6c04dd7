#pragma once

#include <torch/types.h>

namespace groundglass {

/// Where and in which arithmetic a network runs.
struct Engine {
  torch::Device device = torch::kCPU;
  torch::ScalarType precision = torch::kFloat32;  ///< of convolutions; bfloat16 runs under autocast
};

}  // namespace groundglass
