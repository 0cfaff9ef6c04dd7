#include <gtest/gtest.h>

#include "groundglass/explain/grad_cam.h"
#include "groundglass/explain/heat_share.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

TEST(HeatShare, IsTheHeatUnderTheMaskByTheWholeHeat) {
  const auto heat = torch::tensor({1.0, 2.0, 3.0, 4.0}).view({2, 2});
  const auto mask = torch::tensor({0, 255, 1, 0}, torch::kUInt8).view({2, 2});
  const HeatShare share = heat_share(heat, mask);
  EXPECT_DOUBLE_EQ(*share.inside, 0.5);
  EXPECT_DOUBLE_EQ(share.area, 0.5);
}

TEST(HeatShare, IsUndefinedWithoutHeatAndRefusesAnotherSize) {
  const auto mask = torch::ones({2, 3}, torch::kUInt8);
  EXPECT_FALSE(heat_share(torch::zeros({2, 3}), mask).inside.has_value());
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               heat_share(torch::zeros({3, 2}), mask);
                             }),
                   {"[3, 2]", "[2, 3]"}));
}

// The head is linear on the mean of the maps: m_c = b_c + sum_k w_ck mean(A_k), so alpha_k =
// w_ck / Z^2 with Z places, whatever the encoder.
TEST(ClassifierGradCam, IsTheHeadsWeightedSumOfTheLastMaps) {
  torch::manual_seed(6);
  EncoderClassifier net(EncoderClassifierOptions{.in_channels = 1});
  net->eval();
  const auto image = torch::rand({1, 1, 64, 32});
  auto weights = net->named_parameters()["head.weight"];
  {
    const torch::NoGradGuard no_grad;
    weights[0].abs_();  // the maps are not negative, so class 0 has heat
  }
  for (const int64_t label : {0, 1}) {
    const auto heat = grad_cam(net, image, label);
    const torch::NoGradGuard no_grad;
    const auto maps = net->features(image);
    const auto sum = torch::relu((weights[label].view({1, -1, 1, 1}) * maps).sum(1, true));
    const auto full = torch::upsample_bilinear2d(sum, {64, 32}, false)[0][0];
    EXPECT_EQ(heat.sizes(), (torch::IntArrayRef{64, 32}));
    EXPECT_TRUE(torch::allclose(heat, full / full.max().clamp_min(1e-12), 1e-4, 1e-5));
    if (label == 0) {
      EXPECT_DOUBLE_EQ(heat.max().item<double>(), 1);
    }
  }
}

TEST(ClassifierGradCam, LeavesTheClassifierAsItWas) {
  torch::manual_seed(7);
  EncoderClassifier net(EncoderClassifierOptions{.in_channels = 1});
  net->train();
  const auto before = net->buffers()[0].clone();
  grad_cam(net, torch::rand({1, 1, 32, 32}), 1);
  EXPECT_TRUE(net->is_training());
  EXPECT_TRUE(torch::equal(before, net->buffers()[0]));
  for (const auto& p : net->parameters()) EXPECT_FALSE(p.grad().defined());
}

TEST(ClassifierGradCam, RefusesAClassThatIsNotThere) {
  EncoderClassifier net(EncoderClassifierOptions{.in_channels = 1});
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               grad_cam(net, torch::rand({1, 1, 32, 32}), 2);
                             }),
                   {"class 2", "0 to 1"}));
}

}  // namespace
}  // namespace groundglass
