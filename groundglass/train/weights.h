#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "groundglass/io/safetensors.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// Parameters and buffers by name, as they stand (not copied).
std::map<std::string, torch::Tensor> named_weights(const torch::nn::Module& module);

/// Where stored weights and the weights of a network do not meet, by name.
struct WeightsDifference {
  std::vector<std::string> missing;     ///< in the network, not stored
  std::vector<std::string> unexpected;  ///< stored, not in the network
  std::vector<std::string> mismatched;  ///< in both with two shapes: "name [stored] for [wanted]"

  bool none() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }

  /// "missing: a and b; of another shape: ...": the first few of each kind.
  std::string text() const;
};

WeightsDifference difference(const std::map<std::string, torch::Tensor>& wanted,
                             const std::map<std::string, torch::Tensor>& stored);

/// Puts stored weights into a network. Throws Error(checkpoint) that lists missing, unexpected and
/// mismatched names unless everything fits; `origin` says in the message where they came from.
/// Half-precision weights are widened.
void load_weights(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& stored,
                  const std::string& origin);

/// The same with kernels in half precision (half the size, relative error 2^-11); biases and the
/// statistics of batch norm stay as they are.
std::map<std::string, torch::Tensor> halved(const std::map<std::string, torch::Tensor>& weights);

/// A number of all weights, their names and bits: equal for equal networks.
uint64_t digest_of_weights(const torch::nn::Module& module);

/// "a, b and c", or the first few and how many more.
std::string some_of(std::vector<std::string> names);

}  // namespace groundglass
