#include "groundglass/train/folded_weights.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/text.h"
#include "groundglass/models/blocks/batch_norm.h"

namespace groundglass {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

/// "layer1.0.conv1" for "layer1.0.bn1", "features.1.conv.1" for "features.1.conv.2"; "" for others.
std::string convolution_before(const std::string& norm) {
  const size_t dot = norm.rfind('.');
  const std::string parent = dot == std::string::npos ? "" : norm.substr(0, dot + 1);
  const std::string last = norm.substr(parent.size());
  const bool number = !last.empty() && std::all_of(last.begin(), last.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  if (number) return last == "0" ? "" : parent + std::to_string(std::stoi(last) - 1);
  return last.compare(0, 2, "bn") == 0 ? parent + "conv" + last.substr(2) : "";
}

}  // namespace

bool is_folded(const Tensors& stored) {
  const auto has = [&](const char* part) {
    return std::any_of(stored.begin(), stored.end(), [&](const auto& entry) {
      return entry.first.find(part) != std::string::npos;
    });
  };
  return !has("running_mean") && (has("layer1.0.conv1.bias") || has("features.0.0.bias"));
}

std::vector<std::string> unfold_norms(const torch::nn::Module& network, Tensors& stored) {
  std::vector<std::string> norms;
  for (const auto& item : network.named_modules("", /*include_self=*/false)) {
    const auto* norm = dynamic_cast<const BatchNorm2dImpl*>(item.value().get());
    if (norm == nullptr) continue;
    const std::string& name = item.key();
    const auto bias = stored.find(convolution_before(name) + ".bias");
    if (bias == stored.end()) continue;
    const auto offset = bias->second;
    stored.erase(bias);
    stored[name + ".weight"] = torch::full_like(offset, std::sqrt(1 + norm->options.eps()));
    stored[name + ".bias"] = offset;
    stored[name + ".running_mean"] = torch::zeros_like(offset);
    stored[name + ".running_var"] = torch::ones_like(offset);
    norms.push_back(name);
  }
  return norms;
}

std::string absent_part(const Tensors& wanted, const Tensors& stored, const std::string& prefix) {
  const std::string layer = prefix + "layer4.";
  std::vector<std::string> kernels;
  for (const auto& [name, tensor] : wanted) {
    if (name.compare(0, layer.size(), layer) == 0 && tensor.dim() == 4 && tensor.size(2) == 3) {
      kernels.push_back(name.substr(layer.size()));
    }
  }
  const std::vector<std::string> of_resnet18 = {"0.conv1.weight", "0.conv2.weight",
                                                "1.conv1.weight", "1.conv2.weight"};
  const bool none = std::none_of(kernels.begin(), kernels.end(), [&](const std::string& kernel) {
    return stored.count(layer + kernel) > 0;
  });
  return kernels == of_resnet18 && none ? "layer4." : "";
}

}  // namespace groundglass
