#include "groundglass/train/weights.h"

#include <sstream>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
std::string some_of(std::vector<std::string> names) {
  constexpr size_t kShown = 4;
  if (names.size() <= kShown) return listed(names);
  const size_t more = names.size() - kShown;
  names.resize(kShown);
  return joined(names, ", ") + " and " + std::to_string(more) + " more";
}

std::map<std::string, torch::Tensor> named_weights(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> all;
  for (const auto& p : module.named_parameters()) all[p.key()] = p.value().detach();
  for (const auto& b : module.named_buffers()) all[b.key()] = b.value().detach();
  return all;
}

uint64_t digest_of_weights(const torch::nn::Module& module) {
  uint64_t digest = 0;
  for (const auto& [name, tensor] : named_weights(module)) {
    const auto bytes = tensor.cpu().contiguous();
    digest = XXH3_64bits_withSeed(name.data(), name.size(), digest);
    digest = XXH3_64bits_withSeed(bytes.data_ptr(), bytes.nbytes(), digest);
  }
  return digest;
}

std::string WeightsDifference::text() const {
  std::vector<std::string> parts;
  if (!missing.empty()) parts.push_back("missing: " + some_of(missing));
  if (!unexpected.empty()) parts.push_back("unexpected: " + some_of(unexpected));
  if (!mismatched.empty()) parts.push_back("of another shape: " + some_of(mismatched));
  return joined(parts, "; ");
}

WeightsDifference difference(const std::map<std::string, torch::Tensor>& wanted,
                             const std::map<std::string, torch::Tensor>& stored) {
  WeightsDifference found;
  for (const auto& [name, tensor] : wanted) {
    const auto other = stored.find(name);
    if (other == stored.end()) {
      found.missing.push_back(name);
    } else if (other->second.sizes() != tensor.sizes()) {
      found.mismatched.push_back((std::ostringstream() << name << " " << other->second.sizes()
                                                       << " for " << tensor.sizes())
                                     .str());
    }
  }
  for (const auto& [name, tensor] : stored) {
    if (wanted.count(name) == 0) found.unexpected.push_back(name);
  }
  return found;
}

void load_weights(torch::nn::Module& module, const std::map<std::string, torch::Tensor>& stored,
                  const std::string& origin) {
  const torch::NoGradGuard no_grad;
  auto wanted = named_weights(module);
  const auto found = difference(wanted, stored);
  if (!found.none()) {
    fail(ErrorKind::checkpoint, origin + ": the weights do not fit the network; " + found.text());
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
