#include <algorithm>
#include <regex>

#include "groundglass/train/foreign_weights.h"

namespace groundglass {
namespace {

bool begins(const std::string& text, const std::string& with) {
  return text.compare(0, with.size(), with) == 0;
}

using Tensors = std::map<std::string, torch::Tensor>;

/// The names without what all of them begin with.
Tensors unwrapped(Tensors stored) {
  for (bool again = true; again && !stored.empty();) {
    again = false;
    for (const std::string wrapper : {"module.", "model.", "densenet121."}) {
      if (!std::all_of(stored.begin(), stored.end(),
                       [&](const auto& entry) { return begins(entry.first, wrapper); })) {
        continue;
      }
      Tensors shorter;
      for (const auto& [name, tensor] : stored) shorter[name.substr(wrapper.size())] = tensor;
      stored = std::move(shorter);
      again = true;
    }
  }
  return stored;
}

bool is_of_no_use(const std::string& name) {
  for (const char* head :
       {"classifier.", "fc.", "head.", "last_linear.", "pre_logits.", "AuxLogits."}) {
    if (begins(name, head)) return true;
  }
  return name.find("residual_input_conv.") != std::string::npos ||
         name.find("residual_batchnorm.") != std::string::npos;
}

}  // namespace

ForeignWeights from_torch(const Tensors& stored) {
  // Until torchvision 0.2.1 the layers of a dense layer were called norm.1, conv.2 and so on.
  static const std::regex dotted("^(.*denselayer[0-9]+\\.(?:norm|conv))\\.([12]\\..*)$");
  ForeignWeights out;
  for (const auto& [name, tensor] : unwrapped(stored)) {
    if (is_of_no_use(name)) {
      out.left_out.push_back(name);
    } else {
      out.tensors[std::regex_replace(name, dotted, "$1$2")] = tensor;
    }
  }
  out.whole_network = out.tensors.count("last.weight") > 0;  // lungmask's
  return out;
}

}  // namespace groundglass
