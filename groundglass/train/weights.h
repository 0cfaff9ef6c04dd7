#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "groundglass/io/safetensors.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// Parameters and buffers by name, as they stand (not copied).
std::map<std::string, torch::Tensor> named_weights(const torch::nn::Module& module);

/// Puts stored weights into a network. Throws Error(checkpoint) that lists missing, unexpected and
/// mismatched names unless everything fits; `origin` says in the message where they came from.
/// Half-precision weights are widened.
void load_weights(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& stored,
                  const std::string& origin);

/// The same with kernels in half precision (half the size, relative error 2^-11); biases and the
/// statistics of batch norm stay as they are.
std::map<std::string, torch::Tensor> halved(const std::map<std::string, torch::Tensor>& weights);

}  // namespace groundglass
