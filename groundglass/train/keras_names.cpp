#include <algorithm>
#include <optional>
#include <regex>

#include "groundglass/train/foreign_weights.h"

namespace groundglass {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

/// The weights of one layer by their last word.
using Layer = std::map<std::string, torch::Tensor>;

/// A layer's name as a pattern, and the module it becomes.
struct Rule {
  std::regex layer;
  std::string module;
};

std::vector<Rule> named_layers() {
  std::vector<Rule> rules;
  const auto add = [&](const std::string& layer, const std::string& module) {
    rules.push_back({std::regex(layer), module});
  };
  // keras-applications' DenseNet-121, whose blocks begin at conv2
  add("conv1/conv", "features.conv0");
  add("conv1/bn", "features.norm0");
  for (int block = 1; block <= 4; ++block) {
    const std::string theirs = std::to_string(block + 1), ours = std::to_string(block);
    const std::string layer = "conv" + theirs + "_block([0-9]+)_";
    const std::string module = "features.denseblock" + ours + ".denselayer$1.";
    add(layer + "0_bn", module + "norm1");
    add(layer + "1_conv", module + "conv1");
    add(layer + "1_bn", module + "norm2");
    add(layer + "2_conv", module + "conv2");
    add("pool" + theirs + "_(conv)", "features.transition" + ours + ".conv");
    add("pool" + theirs + "_bn", "features.transition" + ours + ".norm");
  }
  add("bn", "features.norm5");
  // qubvel's pre-activation ResNets
  add("(bn_data|conv0|bn0|bn1)", "$1");
  add("(stage[0-9]+_unit[0-9]+)_(bn[0-9]|conv[0-9]|sc)", "$1.$2");
  // keras-applications' VGG-16: torchvision counts activations and poolings as places
  const std::vector<std::vector<int>> places = {
      {0, 2}, {5, 7}, {10, 12, 14}, {17, 19, 21}, {24, 26, 28}};
  for (size_t block = 0; block < places.size(); ++block) {
    for (size_t conv = 0; conv < places[block].size(); ++conv) {
      add("block" + std::to_string(block + 1) + "_conv" + std::to_string(conv + 1),
          "features." + std::to_string(places[block][conv]));
    }
  }
  return rules;
}

/// qubvel's decoders number their stages, the coarsest being 0; LinkNet's have a third part, c.
std::vector<Rule> decoder_layers(bool linknet) {
  std::vector<Rule> rules;
  const auto add = [&](const std::string& layer, const std::string& module) {
    rules.push_back({std::regex("decoder_stage([0-9]+)" + layer), "decoder.$1." + module});
  };
  if (linknet) {
    add("a_conv", "reduce.conv");
    add("a_bn", "reduce.norm");
    add("b_(conv|transpose)", "up.conv");
    add("b_bn", "up.norm");
    add("c_conv", "expand.conv");
    add("c_bn", "expand.norm");
  } else {
    add("a_conv", "conv1");
    add("a_bn", "norm1");
    add("b_conv", "conv2");
    add("b_bn", "norm2");
  }
  return rules;
}

/// U-Net with transposed convolutions, where one takes the place of the first of two.
std::vector<Rule> transposed_decoder_layers() {
  std::vector<Rule> rules;
  for (const auto& [theirs, ours] : std::vector<std::pair<std::string, std::string>>{
           {"a_transpose", "up"}, {"a_bn", "up_norm"}, {"b_conv", "conv1"}, {"b_bn", "norm1"}}) {
    rules.push_back({std::regex("decoder_stage([0-9]+)" + theirs), "decoder.$1." + ours});
  }
  return rules;
}

/// Xnet and Nestnet: rows from 1 where ours are from 0.
std::vector<Rule> node_layers(bool transposed) {
  std::vector<Rule> rules;
  for (int row = 0; row <= 4; ++row) {
    const std::string layer = "decoder_stage" + std::to_string(row + 1) + "-([0-9]+)_";
    const std::string module = "node" + std::to_string(row) + "_$1.";
    const auto add = [&](const std::string& theirs, const std::string& ours) {
      rules.push_back({std::regex(layer + theirs), module + ours});
    };
    add("upsample", "up");
    add("conv1", "conv1");
    add("bn1", transposed ? "up_norm" : "norm1");
    add("conv2", transposed ? "conv1" : "conv2");
    add("bn2", transposed ? "norm1" : "norm2");
  }
  return rules;
}

/// Inception-v3 has no names of its own: torchvision's in the order in which Keras makes the
/// layers.
std::vector<std::string> inception_modules() {
  std::vector<std::string> all = {"Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3",
                                  "Conv2d_3b_1x1", "Conv2d_4a_3x3"};
  const auto add = [&](const std::string& block, const std::vector<std::string>& branches) {
    for (const auto& branch : branches) all.push_back("Mixed_" + block + ".branch" + branch);
  };
  for (const char* block : {"5b", "5c", "5d"}) {
    add(block, {"1x1", "5x5_1", "5x5_2", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3", "_pool"});
  }
  add("6a", {"3x3", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3"});
  for (const char* block : {"6b", "6c", "6d", "6e"}) {
    add(block, {"1x1", "7x7_1", "7x7_2", "7x7_3", "7x7dbl_1", "7x7dbl_2", "7x7dbl_3", "7x7dbl_4",
                "7x7dbl_5", "_pool"});
  }
  add("7a", {"3x3_1", "3x3_2", "7x7x3_1", "7x7x3_2", "7x7x3_3", "7x7x3_4"});
  for (const char* block : {"7b", "7c"}) {
    add(block, {"1x1", "3x3_1", "3x3_2a", "3x3_2b", "3x3dbl_1", "3x3dbl_2", "3x3dbl_3a",
                "3x3dbl_3b", "_pool"});
  }
  return all;
}

/// Layers called `kind`, `kind`_1, ..., by their numbers.
std::vector<std::string> in_order(const std::map<std::string, Layer>& layers,
                                  const std::string& kind) {
  const std::regex pattern(kind + "(_[0-9]{1,9})?");
  std::vector<std::pair<int64_t, std::string>> found;
  for (const auto& [name, layer] : layers) {
    std::smatch match;
    if (!std::regex_match(name, match, pattern)) continue;
    found.emplace_back(match[1].matched ? std::stoll(match[1].str().substr(1)) : 0, name);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (const auto& [number, name] : found) names.push_back(name);
  return names;
}

using Modules = std::map<std::string, std::string>;  // layer -> module

/// Paper 000's network: per scale a separable convolution with its batch norm and a convolution
/// that halves; then per gate W_x, W_g and psi, and a transposed convolution; the head last.
void add_attention_unet(const std::map<std::string, Layer>& layers, Modules& modules) {
  const auto blocks = in_order(layers, "separable_conv2d");
  const auto norms = in_order(layers, "batch_normalization");
  const auto convs = in_order(layers, "conv2d");
  const auto ups = in_order(layers, "conv2d_transpose");
  const size_t scales = (blocks.size() + 1) / 2;
  if (blocks.empty() || norms.size() != blocks.size() || convs.size() != 4 * scales - 3 ||
      ups.size() + 1 != scales) {
    return;
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string block =
        i < scales ? "enc." + std::to_string(i) : "dec." + std::to_string(i - scales);
    modules[blocks[i]] = block + ".conv";
    modules[norms[i]] = block + ".norm";
  }
  for (size_t i = 0; i + 1 < scales; ++i) {
    const std::string number = std::to_string(i);
    const size_t gate = scales - 1 + 3 * i;
    modules[convs[i]] = "down." + number;
    modules[convs[gate]] = "gate." + number + ".w_x";
    modules[convs[gate + 1]] = "gate." + number + ".w_g";
    modules[convs[gate + 2]] = "gate." + number + ".psi";
    modules[ups[i]] = "up." + number;
  }
  modules[convs.back()] = "head";
}

/// Layers without names: those of Inception-v3 have no bias, a head has one.
void add_unnamed(const std::map<std::string, Layer>& layers, Modules& modules) {
  const auto inception = inception_modules();
  std::vector<std::string> convs;
  for (const auto& name : in_order(layers, "conv2d")) {
    if (layers.at(name).count("bias") > 0) {
      modules[name] = "head";
    } else {
      convs.push_back(name);
    }
  }
  const auto norms = in_order(layers, "batch_normalization");
  if (convs.size() != inception.size() || norms.size() != inception.size()) return;
  for (size_t i = 0; i < inception.size(); ++i) {
    modules[convs[i]] = inception[i] + ".conv";
    modules[norms[i]] = inception[i] + ".bn";
  }
}

Modules modules_of(const std::map<std::string, Layer>& layers) {
  Modules modules;
  add_attention_unet(layers, modules);
  if (!modules.empty()) return modules;
  add_unnamed(layers, modules);
  const auto has = [&](const char* layer) { return layers.count(layer) > 0; };
  auto rules = named_layers();
  for (const auto& more :
       {has("decoder_stage0a_transpose") ? transposed_decoder_layers()
                                         : decoder_layers(has("decoder_stage0c_conv")),
        node_layers(has("decoder_stage1-5_upsample"))}) {
    rules.insert(rules.end(), more.begin(), more.end());
  }
  rules.push_back({std::regex("final_conv"), "head"});
  for (const auto& [name, layer] : layers) {
    for (const auto& rule : rules) {
      if (!std::regex_match(name, rule.layer)) continue;
      modules[name] = std::regex_replace(name, rule.layer, rule.module);
    }
  }
  return modules;
}

/// A weight's name and tensor as LibTorch's module has them.
std::pair<std::string, torch::Tensor> in_torch(const std::string& weight,
                                               const torch::Tensor& value, bool separable) {
  static const std::map<std::string, std::string> statistics = {{"gamma", "weight"},
                                                                {"beta", "bias"},
                                                                {"moving_mean", "running_mean"},
                                                                {"moving_variance", "running_var"}};
  const auto found = statistics.find(weight);
  if (found != statistics.end()) return {found->second, value};
  if (weight == "depthwise_kernel" && value.dim() == 4) {
    return {"depthwise.weight", value.permute({2, 3, 0, 1})};  // [h,w,C,1] -> [C,1,h,w]
  }
  const std::string part = separable ? "pointwise." : "";
  if ((weight == "kernel" || weight == "pointwise_kernel") && value.dim() == 4) {
    return {part + "weight", value.permute({3, 2, 0, 1})};
  }
  if (weight == "kernel" && value.dim() == 2) return {part + "weight", value.t()};
  return {part + weight, value};
}

}  // namespace

ForeignWeights from_keras(const Tensors& stored) {
  std::map<std::string, Layer> layers;
  for (const auto& [name, tensor] : stored) {
    const size_t slash = name.rfind('/');
    layers[name.substr(0, slash)][slash == std::string::npos ? "" : name.substr(slash + 1)] =
        tensor;
  }
  const Modules modules = modules_of(layers);
  ForeignWeights out;
  for (const auto& [name, layer] : layers) {
    const bool classifier =
        name == "fc1000" || name == "predictions" || name == "fc1" || name == "fc2";
    const auto module = modules.find(name);
    for (const auto& [weight, tensor] : layer) {
      if (classifier) {
        out.left_out.push_back(name + "/" + weight);
      } else if (module == modules.end()) {
        out.tensors[name + "/" + weight] = tensor;
      } else {
        const auto [ours, value] = in_torch(weight, tensor, layer.count("depthwise_kernel") > 0);
        out.tensors[module->second + "." + ours] = value;
      }
    }
    out.whole_network |= module != modules.end() && module->second == "head";
  }
  return out;
}

}  // namespace groundglass
