// Shapes, counts, names and paddings of MobileNetV2. Its values:
// tests/golden/unet_mobilenet_v2.json.
#include "groundglass/models/encoders/mobilenet_v2.h"

#include <gtest/gtest.h>

#include "groundglass/models/segmentation_model.h"

namespace groundglass {
namespace {

TEST(MobileNetV2, HasTorchvisionsCountAndGivesTheMapsItAnnounces) {
  MobileNetV2 encoder(MobileNetV2Options{.in_channels = 1});
  EXPECT_EQ(count_parameters(*MobileNetV2()).trainable, 2'223'872);
  EXPECT_EQ(count_parameters(*MobileNetV2()).non_trainable, 34'112);
  encoder->eval();
  EXPECT_EQ(encoder->in_channels(), 1);
  const torch::NoGradGuard no_grad;
  const auto f = encoder->forward(torch::rand({2, 1, 64, 96}));
  const auto strides = encoder->strides(), channels = encoder->channels();
  ASSERT_EQ(f.maps.size(), strides.size());
  for (size_t i = 0; i < f.maps.size(); ++i) {
    const std::vector<int64_t> wanted = {2, channels[i], 64 / strides[i], 96 / strides[i]};
    EXPECT_EQ(f.maps[i].sizes(), wanted) << "map " << i;
    EXPECT_GT(f.maps[i].std().item<double>(), 0) << "map " << i;
  }
  EXPECT_GE(f.maps.back().min().item<double>(), 0);
  EXPECT_LE(f.maps.back().max().item<double>(), 6);
}

TEST(MobileNetV2, HasTheNamesOfTorchvision) {
  const MobileNetV2 encoder;
  const auto names = encoder->named_parameters().keys();
  // torchvision's state dict has 314 entries, two of them the classifier's.
  EXPECT_EQ(names.size() + encoder->named_buffers().size(), 312U);
  for (const char* name :
       {"features.0.0.weight", "features.0.1.bias", "features.1.conv.0.0.weight",
        "features.1.conv.1.weight", "features.1.conv.2.weight", "features.2.conv.1.0.weight",
        "features.17.conv.2.weight", "features.17.conv.3.bias", "features.18.1.weight"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

// At stride 2 and even sizes TensorFlow's kernels stand one pixel further down and right than those
// that are padded all round, so that away from the border the two see a moved picture alike.
TEST(MobileNetV2, PadsAsTensorFlowUnlessToldOtherwise) {
  torch::manual_seed(2);
  MobileNetV2 tensorflow, symmetric(MobileNetV2Options{.padding = MobileNetPadding::symmetric});
  tensorflow->eval(), symmetric->eval();
  const torch::NoGradGuard no_grad;
  const auto from = tensorflow->named_parameters();
  for (auto& p : symmetric->named_parameters()) p.value().copy_(from[p.key()]);
  const auto x = torch::rand({1, 3, 64, 64});
  EXPECT_FALSE(torch::allclose(tensorflow->forward(x).maps[0], symmetric->forward(x).maps[0]));
  const auto moved = torch::roll(x, {-1, -1}, {2, 3});
  const auto a = tensorflow->forward(x).maps[0], b = symmetric->forward(moved).maps[0];
  const auto inner = [](const torch::Tensor& m) { return m.narrow(2, 2, 26).narrow(3, 2, 26); };
  EXPECT_TRUE(torch::allclose(inner(a), inner(b), 1e-2, 1e-4));  // two epsilons of batch norm
}

}  // namespace
}  // namespace groundglass
