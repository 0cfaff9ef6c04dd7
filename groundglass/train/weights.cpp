#include "groundglass/train/weights.h"

#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// "a, b and c", or the first few and how many more.
std::string some_of(std::vector<std::string> names) {
  constexpr size_t kShown = 4;
  if (names.size() <= kShown) return listed(names);
  const size_t more = names.size() - kShown;
  names.resize(kShown);
  return joined(names, ", ") + " and " + std::to_string(more) + " more";
}

}  // namespace

std::map<std::string, torch::Tensor> named_weights(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> all;
  for (const auto& p : module.named_parameters()) all[p.key()] = p.value().detach();
  for (const auto& b : module.named_buffers()) all[b.key()] = b.value().detach();
  return all;
}

void load_weights(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& stored,
                  const std::string& origin) {
  const torch::NoGradGuard no_grad;
  auto wanted = named_weights(module);
  std::vector<std::string> missing, unexpected, mismatched;
  for (const auto& [name, tensor] : wanted) {
    const auto found = stored.find(name);
    if (found == stored.end()) {
      missing.push_back(name);
    } else if (found->second.sizes() != tensor.sizes()) {
      mismatched.push_back(name + " " + (std::ostringstream() << found->second.sizes()).str() +
                           " for " + (std::ostringstream() << tensor.sizes()).str());
    }
  }
  for (const auto& [name, tensor] : stored) {
    if (wanted.count(name) == 0) unexpected.push_back(name);
  }
  if (!missing.empty() || !unexpected.empty() || !mismatched.empty()) {
    std::string text = origin + ": the weights do not fit the network;";
    if (!missing.empty()) text += " missing: " + some_of(missing) + ";";
    if (!unexpected.empty()) text += " unexpected: " + some_of(unexpected) + ";";
    if (!mismatched.empty()) text += " of another shape: " + some_of(mismatched) + ";";
    text.pop_back();
    fail(ErrorKind::checkpoint, text);
  }
  for (auto& [name, tensor] : wanted) tensor.copy_(stored.at(name));
}

std::map<std::string, torch::Tensor> halved(const std::map<std::string, torch::Tensor>& weights) {
  std::map<std::string, torch::Tensor> out;
  for (const auto& [name, tensor] : weights) {
    out[name] =
        tensor.is_floating_point() && tensor.dim() > 1 ? tensor.to(torch::kFloat16) : tensor;
  }
  return out;
}

}  // namespace groundglass
