#pragma once

#include <map>
#include <string>
#include <vector>

#include "groundglass/models/nn.h"

namespace groundglass {

/// Whether a file of an encoder with torchvision's names has its batch norms multiplied into the
/// convolutions: these have biases, and no statistics are stored.
bool is_folded(const std::map<std::string, torch::Tensor>& stored);

/// Gives the batch norms of a network what a file without them stands for: each whose convolution
/// has a bias in `stored` gets that as its offset, a mean of 0, a variance of 1 and the scale
/// sqrt(1 + epsilon), so that in evaluation mode it adds the bias and changes nothing else (to the
/// rounding of a float). The convolution's bias leaves `stored`.
///
/// The convolution before bn1 is conv1, and that before x.1 is x.0, x.3 is x.2 and so on.
///
/// stored   weights under the network's names
/// returns  the names of these batch norms
std::vector<std::string> unfold_norms(const torch::nn::Module& network,
                                      std::map<std::string, torch::Tensor>& stored);

/// The one part of a network that a folded file may lack: "layer4." where the network is a
/// ResNet-18 (after `prefix`) and the file holds none of that layer's four 3x3 kernels; else "".
/// What the file has of such a layer, biases and the shortcut, is of no use without the kernels.
///
/// wanted, stored  weights under the network's names
std::string absent_part(const std::map<std::string, torch::Tensor>& wanted,
                        const std::map<std::string, torch::Tensor>& stored,
                        const std::string& prefix);

}  // namespace groundglass
