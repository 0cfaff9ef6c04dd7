// The parts of networks on exchangeable encoders, and what they refuse.
#include <gtest/gtest.h>
#include <toml++/toml.h>

#include "groundglass/models/blocks/batch_norm_no_scale.h"
#include "groundglass/models/blocks/keras_init.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/models/encoder_unet.h"
#include "groundglass/models/nested_unet.h"
#include "groundglass/models/unet.h"
#include "groundglass/recipe/model_presets.h"
#include "tests/complaint.h"
#include "tests/models/known_tensors.h"
#include "tests/reference/closed_form.h"

namespace groundglass {
namespace {

// Batch 1, 3, 5, 7: mean 4, variance 5 (unbiased 20/3).
TEST(BatchNormNoScale, NormalisesByTheBatchAndFollowsItSlowly) {
  BatchNormNoScale norm(1, /*eps=*/4.0, /*momentum=*/0.25);
  norm->to(torch::kFloat64);
  {
    const torch::NoGradGuard no_grad;
    norm->bias.fill_(10);
  }
  const auto x = torch::tensor({1., 3., 5., 7.}, kDouble).view({2, 1, 1, 2});
  const auto y = norm->forward(x);
  EXPECT_TRUE(
      torch::allclose(y.flatten(), torch::tensor({9., 10 - 1 / 3., 10 + 1 / 3., 11.}, kDouble)))
      << y;
  EXPECT_DOUBLE_EQ(norm->running_mean.item<double>(), 1);
  EXPECT_NEAR(norm->running_var.item<double>(), 0.75 + 0.25 * 20 / 3, 1e-12);
  EXPECT_EQ(norm->num_batches_tracked.item<int64_t>(), 1);
  norm->eval();
  const auto z = norm->forward(x);  // (1 - 1) / ... + 10
  EXPECT_NEAR(z.flatten()[0].item<double>(), 10, 1e-12);
  EXPECT_NEAR(z.flatten()[3].item<double>(), 10 + 6 / std::sqrt(0.75 + 5 / 3. + 4), 1e-12);
  EXPECT_EQ(norm->num_batches_tracked.item<int64_t>(), 1);
  EXPECT_EQ(norm->named_parameters().keys(), std::vector<std::string>{"bias"});
}

TEST(KerasStart, HeUniformHasVarianceTwoOverTheFanIn) {
  torch::manual_seed(1);
  const auto w = he_uniform({200, 30, 3, 3});
  const double r = std::sqrt(6.0 / 270);
  EXPECT_LE(w.abs().max().item<double>(), r);
  EXPECT_GT(w.abs().max().item<double>(), 0.999 * r);
  EXPECT_NEAR(w.var().item<double>(), 2.0 / 270, 0.02 * 2.0 / 270);
}

TEST(KerasStart, DrawsKernelsAndClearsBiases) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(4, 50, 3));
  start_he_uniform(*conv);
  EXPECT_GT(conv->weight.abs().max().item<double>(), 0.9 * std::sqrt(6.0 / 36));
  EXPECT_EQ(conv->bias.abs().max().item<double>(), 0);
  start_glorot_uniform(*conv);
  EXPECT_LE(conv->weight.abs().max().item<double>(), std::sqrt(6.0 / (54 * 9)));
}

// With kernels that pass their centre on, the block is nearest neighbours and a sum over channels.
TEST(DecoderBlock, DoublesByRepeatingPixelsAndPutsSkipsBehind) {
  DecoderBlock block(1, 2, 1, BlockKind::upsampling);
  block->to(torch::kFloat64);
  block->eval();
  {
    const torch::NoGradGuard no_grad;
    auto parameters = block->named_parameters();
    for (const char* name : {"conv1.weight", "conv2.weight"}) parameters[name].zero_();
    parameters["conv1.weight"].select(2, 1).select(2, 1).copy_(
        torch::tensor({100., 10., 1.}, kDouble).view({1, 3}));
    parameters["conv2.weight"].select(2, 1).select(2, 1).fill_(1);
  }
  const auto x = torch::tensor({1., 2.}, kDouble).view({1, 1, 1, 2});
  const auto a = torch::full({1, 1, 2, 4}, 3., kDouble), b = torch::full({1, 1, 2, 4}, 4., kDouble);
  const auto y = block->forward(x, {a, b}) * 1.001;  // two norms of variance 1 and eps 0.001
  const auto expected =
      torch::tensor({134., 134., 234., 234., 134., 134., 234., 234.}, kDouble).view({1, 1, 2, 4});
  EXPECT_TRUE(torch::allclose(y, expected)) << y;
}

TEST(DecoderBlock, TransposeHasOneConvolutionAfterTheTransposedOne) {
  DecoderBlock block(6, 5, 4, BlockKind::transpose);
  const auto y = block->forward(torch::randn({2, 6, 3, 5}), {torch::randn({2, 5, 6, 10})});
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{2, 4, 6, 10}));
  EXPECT_EQ(count_parameters(*block).trainable, 16 * 6 * 4 + 8 + 9 * 9 * 4 + 8);
}

class EncoderMaps : public testing::TestWithParam<EncoderKind> {};

TEST_P(EncoderMaps, HaveTheStatedChannelsAndStrides) {
  torch::manual_seed(1);
  const auto encoder = make_encoder({.encoder = GetParam()}, 3);
  encoder->eval();
  const torch::NoGradGuard no_grad;
  const auto f = encoder->forward(torch::rand({1, 3, 32, 64}));
  const auto channels = encoder->channels(), strides = encoder->strides();
  ASSERT_EQ(f.maps.size(), channels.size());
  ASSERT_EQ(strides.size(), channels.size());
  for (size_t i = 0; i < f.maps.size(); ++i) {
    const std::vector<int64_t> expected = {1, channels[i], 32 / strides[i], 64 / strides[i]};
    EXPECT_EQ(f.maps[i].sizes(), expected) << i;
  }
  const auto coarse = encoder->coarse_channels();
  EXPECT_EQ(coarse.size(), channels.size());
  for (size_t i = 0; i < f.coarse.size(); ++i) EXPECT_EQ(f.coarse[i].size(1), coarse[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(All, EncoderMaps,
                         testing::Values(EncoderKind::densenet121, EncoderKind::chexnet,
                                         EncoderKind::inception_v3, EncoderKind::resnet34_preact,
                                         EncoderKind::resnet50_preact, EncoderKind::resnet34,
                                         EncoderKind::resnet50, EncoderKind::vgg16,
                                         EncoderKind::res2net50));

TEST(MakeEncoder, RefusesImageNetStatisticsForGrayImages) {
  const EncoderOptions options{.input_scale = InputScale::imagenet};
  const auto text = complaint(ErrorKind::recipe, [&] { make_encoder(options, 1); });
  EXPECT_NE(text.find("needs 3 channels, found 1"), std::string::npos) << text;
}

TEST(EncoderUNet, ScalesTheImageForItsEncoder) {
  torch::manual_seed(1);
  EncoderUNet plain(EncoderUNetOptions{.encoder = {.encoder = EncoderKind::vgg16}});
  auto options = EncoderUNetOptions{
      .encoder = {.encoder = EncoderKind::vgg16, .input_scale = InputScale::symmetric}};
  EncoderUNet scaled(options);
  const torch::NoGradGuard no_grad;
  const auto from = plain->named_parameters();
  for (auto& p : scaled->named_parameters()) p.value().copy_(from[p.key()]);
  plain->eval();
  scaled->eval();
  const auto x = torch::rand({1, 3, 32, 32});
  EXPECT_TRUE(torch::equal(scaled->forward(x).logits, plain->forward(2 * x - 1).logits));
}

TEST(EncoderUNet, RefusesWidthsThatDoNotReachFullSize) {
  const auto text = complaint(ErrorKind::recipe, [] {
    EncoderUNet(EncoderUNetOptions{.encoder = {.encoder = EncoderKind::vgg16}, .widths = {8, 8}});
  });
  EXPECT_NE(text.find("widths has 2 entries"), std::string::npos) << text;
  EXPECT_NE(text.find("stride is 32"), std::string::npos) << text;
}

TEST(NestedUNet, RefusesWidthsThatDoNotReachFullSize) {
  const auto text = complaint(ErrorKind::recipe, [] {
    NestedUNet(NestedUNetOptions{.encoder = {.encoder = EncoderKind::vgg16}, .widths = {8}});
  });
  EXPECT_NE(text.find("widths has 1 entries"), std::string::npos) << text;
}

TEST(NestedUNet, PassesOverTheMapAtStrideOne) {
  torch::manual_seed(1);
  NestedUNet model(NestedUNetOptions{.encoder = {.encoder = EncoderKind::vgg16}});
  EXPECT_EQ(model->layer_names().front(), "enc1");
  EXPECT_EQ(model->layer_names().back(), "node0_5");
  const auto logits = model->forward(torch::rand({2, 1, 32, 64})).logits;
  EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{2, 1, 32, 64}));
}

TEST(EncoderClassifier, ComesInTheSizesOfItsEncoders) {
  const std::map<std::string, std::pair<int64_t, int64_t>> counts = {
      {"classifier_chexnet", {6'953'856 + 2 * 1024 + 2, 83'648}},
      {"classifier_densenet121", {6'953'856 + 2 * 1024 + 2, 83'648}},
      {"classifier_inception_v3", {21'768'352 + 2 * 2048 + 2, 34'432}},
      {"classifier_resnet50_preact", {23'500'483 + 2 * 2048 + 2, 45'574}},
      {"classifier_resnet18", {11'176'512 + 2 * 512 + 2, 9'600}},
      {"classifier_mobilenet_v2", {2'223'872 + 2 * 1280 + 2, 34'112}}};
  ASSERT_EQ(classifier_presets().size(), counts.size());
  for (const auto& preset : classifier_presets()) {
    const auto count = count_parameters(*EncoderClassifier(preset.options));
    EXPECT_EQ(count.trainable, counts.at(preset.name).first) << preset.name;
    EXPECT_EQ(count.non_trainable, counts.at(preset.name).second) << preset.name;
  }
}

TEST(EncoderClassifier, WeighsTheMeanOfItsMap) {
  torch::manual_seed(1);
  EncoderClassifier model(
      EncoderClassifierOptions{.classes = 3, .encoder = {.encoder = EncoderKind::vgg16}});
  model->eval();
  const auto x = torch::rand({2, 1, 64, 96});  // gray, shown to three channels
  const auto map = model->features(x);
  ASSERT_EQ(map.sizes(), (std::vector<int64_t>{2, 512, 2, 3}));
  const auto logits = model->forward(x);
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(torch::equal(logits, model->classify(map)));
  const auto weight = model->named_parameters()["head.weight"];
  const auto by_hand = torch::einsum("nchw,kc->nk", {map, weight}) / 6;
  EXPECT_TRUE(torch::allclose(logits, by_hand, 1e-4, 1e-6));
  EXPECT_GT(logits.std().item<double>(), 0);
  const auto text = complaint(ErrorKind::usage, [&] {
    model->forward(torch::rand({1, 3, 33, 32}));
  });
  EXPECT_NE(text.find("multiples of 32"), std::string::npos) << text;
}

ModelSpec unet_of(const char* lines) {
  const auto table = toml::parse(lines);
  RecipeReader reader(table, "model");
  auto spec = read_unet(reader);
  reader.finish();
  return spec;
}

TEST(ReadUNet, IsPlainUnlessAnEncoderIsNamed) {
  EXPECT_NE(std::dynamic_pointer_cast<UNetImpl>(unet_of("widths = [4, 8]").make()), nullptr);
  EXPECT_NE(std::dynamic_pointer_cast<UNetImpl>(unet_of("encoder = \"plain\"").make()), nullptr);
  const auto spec = unet_of("encoder = \"vgg16\"\nwidths = [8, 8, 8, 8, 8]");
  EXPECT_NE(std::dynamic_pointer_cast<EncoderUNetImpl>(spec.make()), nullptr);
  EXPECT_NE(spec.fields.find("encoder = \"vgg16\""), std::string::npos) << spec.fields;
  const auto text = complaint(ErrorKind::recipe, [] { unet_of("encoder = \"vgg19\""); });
  EXPECT_NE(text.find("vgg16"), std::string::npos) << text;
  complaint(ErrorKind::recipe, [] { unet_of("input_scale = \"unit\""); });
}

}  // namespace
}  // namespace groundglass
