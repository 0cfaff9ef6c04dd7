// SPEC-003 section 1: the four layouts of LinkNet. Their values: tests/golden/linknet*.json.
#include "groundglass/models/linknet.h"

#include <gtest/gtest.h>

namespace groundglass {
namespace {

struct LayoutCase {
  const char* name;
  LinkNetLayout layout;
  int64_t learned, moving;
  int64_t encoder;             ///< of the learned ones
  std::vector<int64_t> added;  ///< channels behind the blocks, coarsest first
  std::vector<std::string> layers;
};

const std::vector<std::string> kFiveBlocks = {"enc1", "enc2", "enc3", "enc4", "enc5",
                                              "dec5", "dec4", "dec3", "dec2", "dec1"};

// The specification's totals of the last two cover what is learned; the statistics are the
// encoder's 17,024 and 2 x 1,056 of the decoder.
const LayoutCase kLayouts[] = {
    {"qubvel",
     LinkNetLayout::qubvel,
     21'619'828,
     17'446,
     21'287'107,
     {256, 128, 64, 64, 16},
     kFiveBlocks},
    {"qubvel_transpose",
     LinkNetLayout::qubvel_transpose,
     21'773'940,
     17'446,
     21'287'107,
     {256, 128, 64, 64, 16},
     kFiveBlocks},
    {"chaurasia",
     LinkNetLayout::chaurasia,
     21'641'473,
     19'136,
     21'284'672,
     {256, 128, 64, 64},
     {"enc2", "enc3", "enc4", "enc5", "dec4", "dec3", "dec2", "dec1", "final_up", "final_conv"}},
    {"smp",
     LinkNetLayout::smp,
     21'771'681,
     19'136,
     21'284'672,
     {256, 128, 64, 64, 32},
     kFiveBlocks},
};

class LinkNetLayouts : public testing::TestWithParam<LayoutCase> {};

TEST_P(LinkNetLayouts, HaveTheCountsAndWidthsOfTheSpecification) {
  LinkNet net(linknet_options(GetParam().layout));
  const auto count = count_parameters(*net);
  EXPECT_EQ(count.trainable, GetParam().learned);
  EXPECT_EQ(count.non_trainable, GetParam().moving);
  int64_t encoder = 0;
  for (const auto& p : net->named_parameters()) {
    if (p.key().starts_with("encoder.")) encoder += p.value().numel();
  }
  EXPECT_EQ(encoder, GetParam().encoder);
  const auto parameters = net->named_parameters();
  const auto& widths = GetParam().added;
  for (size_t i = 0; i < widths.size(); ++i) {
    const auto name = "decoder." + std::to_string(i) + ".expand.conv.weight";
    ASSERT_TRUE(parameters.contains(name)) << name;
    EXPECT_EQ(parameters[name].size(0), widths[i]) << name;
  }
  EXPECT_EQ(net->layer_names(), GetParam().layers);
}

TEST_P(LinkNetLayouts, ShowAGrayImageToAllThreeChannels) {
  LinkNet net(linknet_options(GetParam().layout));
  net->eval();
  const torch::NoGradGuard no_grad;
  const auto gray = torch::rand({2, 1, 32, 64});
  const auto logits = net->forward(gray).logits;
  EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{2, 1, 32, 64}));
  EXPECT_TRUE(torch::equal(logits, net->forward(gray.repeat({1, 3, 1, 1})).logits));
}

INSTANTIATE_TEST_SUITE_P(All, LinkNetLayouts, testing::ValuesIn(kLayouts),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(LinkNet, TakesAnyEncoder) {
  const torch::NoGradGuard no_grad;
  for (const auto layout : {LinkNetLayout::qubvel, LinkNetLayout::chaurasia, LinkNetLayout::smp}) {
    for (const auto kind : {EncoderKind::vgg16, EncoderKind::resnet50, EncoderKind::densenet121}) {
      LinkNet net(
          LinkNetOptions{.out_channels = 2, .layout = layout, .encoder = {.encoder = kind}});
      net->eval();
      const auto logits = net->forward(torch::rand({1, 3, 32, 32})).logits;
      EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{1, 2, 32, 32}));
    }
  }
}

// Without its decoder blocks' output (scale and shift of the last batch norm at zero) a network is
// what its links carry.
TEST(LinkNet, AddsTheMapOfEachSize) {
  LinkNet net;
  net->eval();
  const torch::NoGradGuard no_grad;
  for (auto& p : net->named_parameters()) {
    if (p.key().find("expand.norm") != std::string::npos) p.value().zero_();
  }
  std::map<std::string, torch::Tensor> seen;
  net->watch_layers(
      [&](const std::string& layer, const torch::Tensor& output) { return seen[layer] = output; });
  net->forward(torch::rand({1, 3, 64, 64}));
  for (const int i : {1, 2, 3, 4}) {
    const auto &map = seen["enc" + std::to_string(i)], &block = seen["dec" + std::to_string(i + 1)];
    EXPECT_TRUE(torch::equal(map, block)) << "map " << i;
  }
  EXPECT_EQ(seen["dec1"].abs().max().item<double>(), 0);
}

TEST(LinkNetConv, GivesTheSizeItsStepSays) {
  const auto x = torch::rand({2, 8, 3, 5});
  const auto size = [&](LinkNetStep step) {
    return LinkNetConv(8, 6, step, LinkNetNorm{})->forward(x).sizes().vec();
  };
  const std::vector<int64_t> same = {2, 6, 3, 5}, twice = {2, 6, 6, 10};
  EXPECT_EQ(size(LinkNetStep::point), same);
  EXPECT_EQ(size(LinkNetStep::same), same);
  EXPECT_EQ(size(LinkNetStep::transpose3_same), same);
  EXPECT_EQ(size(LinkNetStep::nearest), twice);
  EXPECT_EQ(size(LinkNetStep::transpose4), twice);
  EXPECT_EQ(size(LinkNetStep::transpose3), twice);
}

TEST(LinkNetBlock, StartsWithHesUniformKernels) {
  torch::manual_seed(3);
  LinkNetBlock block(1024, 512, LinkNetStep::nearest, LinkNetNorm{});
  const auto parameters = block->named_parameters();
  const double r = std::sqrt(6.0 / (256 * 9));
  EXPECT_LE(parameters["up.conv.weight"].abs().max().item<double>(), 1.000001 * r);
  EXPECT_GT(parameters["up.conv.weight"].abs().max().item<double>(), 0.99 * r);
}

}  // namespace
}  // namespace groundglass
