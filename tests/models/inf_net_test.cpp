// Inf-Net's side outputs and Res2Net-50 beside what tools/reference/inf_net.py says (its logits are
// in tests/reference/golden_test.cpp), and the encoders these two baselines of Table 3 may stand
// on.
#include "groundglass/models/inf_net.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/models/attention_encoder_unet.h"
#include "groundglass/models/encoders/res2net50.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

nlohmann::json golden(const std::string& name) {
  return nlohmann::json::parse(
      std::ifstream(std::string(GROUNDGLASS_SOURCE_DIR) + "/tests/golden/" + name + ".json"));
}

/// Closed-form weights in the order of the file, scales about 1.
void fill(torch::nn::Module& module, const nlohmann::json& file) {
  const torch::NoGradGuard no_grad;
  module.to(torch::kFloat64);
  const std::vector<std::string> names = file["parameters"];
  fill_closed_form(module, names);  // sees scales by the word "norm", which these keys do not have
  auto parameters = module.named_parameters();
  for (const std::string name : file["scales"]) {
    const auto k = std::find(names.begin(), names.end(), name) - names.begin() + 1;
    auto& scale = parameters[name];
    scale.copy_(1 + 0.1 * closed_form(scale.sizes(), static_cast<double>(k)));
  }
}

TEST(InfNet, SaysGlobalAndCoarserMapsAndEdgesAsTheReference) {
  InfNetOptions options;
  options.out_channels = 3;
  options.channels = 8;
  InfNet model(options);
  const auto file = golden("inf_net_3_classes");
  fill(*model, file);
  model->eval();
  const torch::NoGradGuard no_grad;
  const auto said = model->forward(wave({2, 3, 64, 64}, 0.05));
  ASSERT_EQ(said.side.size(), file["side"].size());
  for (size_t i = 0; i < said.side.size(); ++i) {
    const auto& wanted = file["side"][i];
    EXPECT_EQ(said.side[i].sizes().vec(), wanted["shape"].get<std::vector<int64_t>>());
    const double square = wanted["mean_square"];
    EXPECT_NEAR(said.side[i].square().mean().item<double>(), square, 1e-9 * square) << i;
    const auto flat = said.side[i].flatten();
    const double most = flat.abs().max().item<double>();
    for (size_t j = 0; j < wanted["at"].size(); ++j) {
      EXPECT_NEAR(flat[wanted["at"][j].get<int64_t>()].item<double>(), wanted["value"][j],
                  1e-9 * most)
          << i << " " << j;
    }
  }
}

TEST(InfNet, StandsOnOtherEncodersToo) {
  torch::manual_seed(1);
  for (const auto kind : {EncoderKind::resnet34, EncoderKind::vgg16}) {
    InfNetOptions options;
    options.encoder.encoder = kind;
    InfNet model(options);
    model->eval();
    const torch::NoGradGuard no_grad;
    const auto said = model->forward(torch::randn({1, 1, 64, 32}));
    const std::vector<int64_t> size = {1, 1, 64, 32};
    EXPECT_EQ(said.logits.sizes(), size);
    for (const auto& side : said.side) EXPECT_EQ(side.sizes(), size);
  }
}

TEST(AttentionEncoderUNet, StretchesItsLogitsWhereTheEncoderStartsCoarser) {
  torch::manual_seed(1);
  AttentionEncoderUNetOptions options;
  options.encoder.encoder = EncoderKind::resnet34;
  AttentionEncoderUNet model(options);
  model->eval();
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(model->forward(torch::randn({1, 3, 64, 32})).logits.sizes(),
            (std::vector<int64_t>{1, 1, 64, 32}));
}

TEST(Res2Net50, HasTheChannelsAndStridesItStates) {
  Res2Net50 encoder(Res2Net50Options{.in_channels = 1});
  const auto count = count_parameters(*encoder);
  EXPECT_EQ(count.trainable, 23'669'352 - 2 * 9 * 32);  // two channels fewer in the first kernel
  EXPECT_EQ(count.non_trainable, 59'620);
  encoder->eval();
  const torch::NoGradGuard no_grad;
  const auto maps = encoder->forward(torch::randn({1, 1, 64, 96})).maps;
  const auto channels = encoder->channels(), strides = encoder->strides();
  ASSERT_EQ(maps.size(), channels.size());
  for (size_t i = 0; i < maps.size(); ++i) {
    EXPECT_EQ(maps[i].sizes(),
              (std::vector<int64_t>{1, channels[i], 64 / strides[i], 96 / strides[i]}));
  }
  for (const char* key : {"conv1.0.weight", "conv1.4.running_var", "layer1.0.convs.2.weight",
                          "layer2.0.downsample.2.bias", "layer4.2.bns.0.running_mean"}) {
    EXPECT_TRUE(encoder->named_parameters().contains(key) || encoder->named_buffers().contains(key))
        << key;
  }
}

}  // namespace
}  // namespace groundglass
