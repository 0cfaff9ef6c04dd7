// SPEC-003 section 4: the lung U-Net takes the weights of the public state dict. Its values:
// tests/golden/r231_unet.json.
#include "groundglass/models/r231_unet.h"

#include <gtest/gtest.h>

namespace groundglass {
namespace {

/// Keys and sizes of the public state dict, without the counters of batch norm.
class StateDict {
 public:
  StateDict() {
    const int64_t w[] = {1, 64, 128, 256, 512, 1024};
    for (int i = 0; i < 5; ++i) block("down_path." + std::to_string(i), w[i], w[i + 1]);
    for (int i = 0; i < 4; ++i) {
      const auto name = "up_path." + std::to_string(i);
      const int64_t in = w[5 - i], out = w[4 - i];
      conv(name + ".up.1", in, out, 1);
      block(name + ".conv_block", in, out);
      residual(name, in, out);
    }
    conv("last", 64, 3, 1);
  }
  std::map<std::string, int64_t> used, unused;

 private:
  void conv(const std::string& name, int64_t in, int64_t out, int64_t kernel) {
    used[name + ".weight"] = in * out * kernel * kernel;
    used[name + ".bias"] = out;
  }
  void norm(std::map<std::string, int64_t>& to, const std::string& name, int64_t channels) {
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) {
      to[name + part] = channels;
    }
  }
  void block(const std::string& name, int64_t in, int64_t out) {
    conv(name + ".block.0", in, out, 3);
    norm(used, name + ".block.2", out);
    conv(name + ".block.3", out, out, 3);
    norm(used, name + ".block.5", out);
    residual(name, in, out);
  }
  void residual(const std::string& name, int64_t in, int64_t out) {
    unused[name + ".residual_input_conv.weight"] = in * out;
    unused[name + ".residual_input_conv.bias"] = out;
    norm(unused, name + ".residual_batchnorm", out);
  }
};

TEST(R231UNet, HasTheKeysOfThePublicWeightsAndNoOthers) {
  const R231UNet net;
  std::map<std::string, int64_t> found;
  for (const auto& p : net->named_parameters()) found[p.key()] = p.value().numel();
  for (const auto& b : net->named_buffers()) {
    if (!b.key().ends_with("num_batches_tracked")) found[b.key()] = b.value().numel();
  }
  const StateDict wanted;
  EXPECT_EQ(found, wanted.used);
  int64_t unused = 0;
  for (const auto& [name, size] : wanted.unused) {
    if (name.find("running_") == std::string::npos) unused += size;
  }
  EXPECT_EQ(unused, 2'100'736);  // the specification's number
  const auto count = count_parameters(*net);
  EXPECT_EQ(count.trainable, 28'953'539);
  EXPECT_EQ(count.non_trainable, 11'776);
}

// Batch norm comes after the ReLU: a block's output takes both signs.
TEST(R231UNet, NormalisesAfterTheActivation) {
  R231UNet net(R231UNetOptions{.widths = {4, 8, 12}});
  std::map<std::string, torch::Tensor> seen;
  net->watch_layers(
      [&](const std::string& layer, const torch::Tensor& output) { return seen[layer] = output; });
  const auto logits = net->forward(torch::rand({2, 1, 16, 24})).logits;
  EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{2, 3, 16, 24}));
  EXPECT_EQ(seen.size(), 5U);
  for (const auto& [layer, output] : seen) {
    EXPECT_LT(output.min().item<double>(), 0) << layer;
    EXPECT_NEAR(output.mean().item<double>(), 0, 1e-5) << layer;
  }
}

}  // namespace
}  // namespace groundglass
