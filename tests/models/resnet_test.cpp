// The ResNet and VGG encoders: shapes, counts, names, start. Their values: resnet_taps_test.cpp.
#include "groundglass/models/encoders/resnet.h"

#include <gtest/gtest.h>

#include "groundglass/models/encoders/resnet_preact.h"
#include "groundglass/models/encoders/vgg16.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

struct Case {
  const char* name;
  std::function<EncoderPtr(int64_t in_channels)> make;
  int64_t learned, moving;  ///< SPEC-003 section 1, SPEC-004 section 1.1; VGG: 13 convolutions
};

const Case kCases[] = {
    {"resnet34_preact",
     [](int64_t in) { return ResNetPreact(ResNetPreactOptions{.in_channels = in}).ptr(); },
     21'302'473 - 15'366, 15'366},
    {"resnet50_preact",
     [](int64_t in) {
       return ResNetPreact(ResNetPreactOptions{.depth = 50, .in_channels = in}).ptr();
     },
     23'500'483, 45'574},
    {"resnet18",
     [](int64_t in) { return ResNet(ResNetOptions{.depth = 18, .in_channels = in}).ptr(); },
     11'176'512, 9'600},
    {"resnet34", [](int64_t in) { return ResNet(ResNetOptions{.in_channels = in}).ptr(); },
     21'284'672, 17'024},
    {"resnet50",
     [](int64_t in) { return ResNet(ResNetOptions{.depth = 50, .in_channels = in}).ptr(); },
     23'508'032, 53'120},
    {"vgg16", [](int64_t in) { return VGG16(VGG16Options{.in_channels = in}).ptr(); }, 14'714'688,
     0},
};

class ResNetFamily : public testing::TestWithParam<Case> {};

TEST_P(ResNetFamily, HasTheCountOfItsSpecification) {
  const auto count = count_parameters(*GetParam().make(3));
  EXPECT_EQ(count.trainable, GetParam().learned);
  EXPECT_EQ(count.non_trainable, GetParam().moving);
}

TEST_P(ResNetFamily, GivesTheMapsItAnnounces) {
  const auto encoder = GetParam().make(1);
  encoder->eval();
  EXPECT_EQ(encoder->in_channels(), 1);
  const torch::NoGradGuard no_grad;
  const auto f = encoder->forward(torch::rand({2, 1, 64, 96}));
  const auto strides = encoder->strides(), channels = encoder->channels();
  ASSERT_EQ(f.maps.size(), strides.size());
  ASSERT_EQ(f.maps.size(), channels.size());
  EXPECT_EQ(strides.back(), 32);
  for (size_t i = 0; i < f.maps.size(); ++i) {
    const std::vector<int64_t> wanted = {2, channels[i], 64 / strides[i], 96 / strides[i]};
    EXPECT_EQ(f.maps[i].sizes(), wanted) << "map " << i;
    EXPECT_GE(f.maps[i].min().item<double>(), 0) << "map " << i;  // all stand behind a ReLU
    EXPECT_GT(f.maps[i].std().item<double>(), 0) << "map " << i;
  }
  if (f.coarse.empty()) return;
  const auto coarse = encoder->coarse_channels();
  ASSERT_EQ(f.coarse.size(), coarse.size());
  for (size_t i = 0; i < coarse.size(); ++i) {
    const std::vector<int64_t> wanted = {2, coarse[i], 64 / strides[i], 96 / strides[i]};
    EXPECT_EQ(f.coarse[i].sizes(), wanted) << "coarse map " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ResNetFamily, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ResNetPreact, OffersOtherMapsToNestedDecodersInDepth50Alone) {
  const torch::NoGradGuard no_grad;
  const auto x = torch::rand({1, 3, 32, 32});
  ResNetPreact deep(ResNetPreactOptions{.depth = 50});
  deep->eval();
  const auto f = deep->forward(x);
  ASSERT_EQ(f.coarse.size(), 5U);
  for (const size_t row : {1, 2, 3}) {
    EXPECT_FALSE(torch::equal(f.coarse[row], f.maps[row])) << "map " << row;
  }
  EXPECT_TRUE(torch::equal(f.coarse[0], f.maps[0]));
  EXPECT_TRUE(torch::equal(f.coarse[4], f.maps[4]));
  ResNetPreact shallow;
  shallow->eval();
  EXPECT_TRUE(shallow->forward(x).coarse.empty());
}

TEST(ResNet, RefusesADepthItDoesNotHave) {
  EXPECT_EQ(complaint(ErrorKind::recipe, [] { ResNet(ResNetOptions{.depth = 19}); }),
            "ResNet of depth 19, expected 18, 34 or 50");
  EXPECT_EQ(complaint(ErrorKind::recipe, [] { ResNetPreact(ResNetPreactOptions{.depth = 101}); }),
            "pre-activation ResNet of depth 101, expected 34 or 50");
}

/// Every name, and the shape of what it names.
using Shapes = std::vector<std::pair<std::string, std::vector<int64_t>>>;

void expect_shapes(const torch::nn::Module& module, const Shapes& wanted) {
  const auto parameters = module.named_parameters();
  for (const auto& [name, shape] : wanted) {
    const auto* found = parameters.find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->sizes(), shape) << name;
  }
}

TEST(ResNet, HasTheNamesOfTorchvision) {
  expect_shapes(*ResNet(), {{"conv1.weight", {64, 3, 7, 7}},
                            {"bn1.weight", {64}},
                            {"layer1.0.conv1.weight", {64, 64, 3, 3}},
                            {"layer1.2.bn2.bias", {64}},
                            {"layer2.0.downsample.0.weight", {128, 64, 1, 1}},
                            {"layer2.0.downsample.1.weight", {128}},
                            {"layer3.5.conv2.weight", {256, 256, 3, 3}},
                            {"layer4.2.conv2.weight", {512, 512, 3, 3}}});
  // torchvision's state dict of resnet34 has 218 entries, two of them fc.
  const ResNet shallow, deep(ResNetOptions{.depth = 50});
  EXPECT_EQ(shallow->named_parameters().size() + shallow->named_buffers().size(), 216U);
  EXPECT_FALSE(shallow->named_parameters().contains("layer1.0.downsample.0.weight"));
  expect_shapes(*deep, {{"layer1.0.conv1.weight", {64, 64, 1, 1}},
                        {"layer1.0.conv3.weight", {256, 64, 1, 1}},
                        {"layer1.0.downsample.0.weight", {256, 64, 1, 1}},
                        {"layer4.0.downsample.0.weight", {2048, 1024, 1, 1}},
                        {"layer4.2.bn3.weight", {2048}}});
  EXPECT_EQ(deep->named_parameters().size() + deep->named_buffers().size(), 318U);
}

TEST(ResNetPreact, HasTheNamesOfKeras) {
  const ResNetPreact shallow, deep(ResNetPreactOptions{.depth = 50});
  expect_shapes(*shallow, {{"bn_data.bias", {3}},
                           {"conv0.weight", {64, 3, 7, 7}},
                           {"bn0.weight", {64}},
                           {"stage1_unit1.bn1.weight", {64}},
                           {"stage1_unit1.sc.weight", {64, 64, 1, 1}},
                           {"stage1_unit1.conv1.weight", {64, 64, 3, 3}},
                           {"stage2_unit1.sc.weight", {128, 64, 1, 1}},
                           {"stage3_unit6.conv2.weight", {256, 256, 3, 3}},
                           {"stage4_unit3.bn2.bias", {512}},
                           {"bn1.weight", {512}}});
  EXPECT_FALSE(shallow->named_parameters().contains("bn_data.weight"));
  EXPECT_FALSE(shallow->named_parameters().contains("stage1_unit2.sc.weight"));
  expect_shapes(*deep, {{"stage1_unit1.conv1.weight", {64, 64, 1, 1}},
                        {"stage1_unit1.conv3.weight", {256, 64, 1, 1}},
                        {"stage2_unit1.sc.weight", {512, 256, 1, 1}},
                        {"stage4_unit3.conv3.weight", {2048, 512, 1, 1}},
                        {"bn1.weight", {2048}}});
}

TEST(VGG16, HasTheNamesOfTorchvision) {
  std::vector<std::string> wanted;
  for (const int place : {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28}) {
    for (const char* part : {".weight", ".bias"}) {
      wanted.push_back("features." + std::to_string(place) + part);
    }
  }
  EXPECT_EQ(VGG16()->named_parameters().keys(), wanted);
}

TEST(ResNetFamilyStart, IsGlorotsForKerasAndHesForTorchvision) {
  torch::manual_seed(5);
  const auto keras = ResNetPreact()->named_parameters()["stage4_unit3.conv2.weight"];
  const double r = std::sqrt(6.0 / (2 * 512 * 9));
  EXPECT_LE(keras.abs().max().item<double>(), 1.000001 * r);
  EXPECT_GT(keras.abs().max().item<double>(), 0.99 * r);
  const auto torchvision = ResNet()->named_parameters()["layer4.0.conv1.weight"];
  const double deviation = std::sqrt(2.0 / (512 * 9));  // fan out: 512, fan in would be 256
  EXPECT_NEAR(torchvision.std().item<double>(), deviation, 0.01 * deviation);
  EXPECT_GT(torchvision.abs().max().item<double>(), 3.5 * deviation);
}

}  // namespace
}  // namespace groundglass
