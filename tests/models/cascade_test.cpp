#include <gtest/gtest.h>

#include "groundglass/core/torch_version.h"
#include "groundglass/models/chs_net.h"
#include "groundglass/models/unet.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

/// Says where the image is bright, and keeps what it was shown.
class BrightImpl final : public SegmentationModel {
 public:
  explicit BrightImpl(int64_t channels = 1) : channels_(channels) {
    gain = register_parameter("gain", torch::ones({1}));
  }
  Features encode(torch::Tensor image) override {
    seen = image;
    return {{watched("bright", image.narrow(1, 0, 1) * gain)}, {}, {}};
  }
  Prediction decode(const Features& f) override { return {f.maps.back(), {}}; }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return channels_; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {"bright"}; }

  torch::Tensor gain, seen;

 private:
  int64_t channels_;
};

CHSNetOptions tiny(CascadeGate gate) {
  CHSNetOptions options;
  options.lung.widths = {3, 4};
  options.infection.widths = {4, 5, 6};
  options.cascade.gate = gate;
  return options;
}

ModelPtr lung_of(SegmentationModel& model) {
  return std::dynamic_pointer_cast<SegmentationModel>(model.named_children()["lung"]);
}

TEST(Cascade, SetsEverythingOutsideTheMaskToZero) {
  const auto second = std::make_shared<BrightImpl>();
  Cascade cascade(std::make_shared<BrightImpl>(), second, CascadeOptions{.threshold = 0.6});
  const auto image = torch::tensor({-3.0F, 0.1F, 0.405F, 0.406F, 2.0F, 0.0F}).view({1, 1, 2, 3});
  cascade->forward(image);  // p exceeds 0.6 from 0.4055 on
  EXPECT_TRUE(
      torch::equal(second->seen.flatten(), torch::tensor({0.0F, 0.0F, 0.0F, 0.406F, 2.0F, 0.0F})));
}

// Two classes beside the background: lungs are whatever is not background.
TEST(Cascade, CountsEveryForegroundClassAsLung) {
  Cascade cascade(UNet(UNetOptions{.out_channels = 3, .widths = {2, 4}}).ptr(),
                  std::make_shared<BrightImpl>());
  const auto image = torch::ones({1, 1, 1, 3});
  // exp(logit) 1 1 1, 3 1 1, 3 2 2: foreground 2/3, 2/5, 4/7
  const auto logits = torch::log(torch::tensor({1.F, 3.F, 3.F, 1.F, 1.F, 2.F, 1.F, 1.F, 2.F}));
  EXPECT_TRUE(torch::equal(cascade->gated(image, logits.view({1, 3, 1, 3})).flatten(),
                           torch::tensor({1.F, 0.F, 1.F})));
}

TEST(Cascade, MultipliesByTheProbabilityIfTheGateIsSoft) {
  const auto second = std::make_shared<BrightImpl>();
  Cascade cascade(std::make_shared<BrightImpl>(), second,
                  CascadeOptions{.gate = CascadeGate::soft});
  const auto image = torch::randn({2, 1, 4, 4});
  cascade->forward(image);
  EXPECT_TRUE(torch::allclose(second->seen, image * torch::sigmoid(image)));
}

TEST(Cascade, ShowsAGrayImageToASecondNetworkOfThreeChannels) {
  const auto second = std::make_shared<BrightImpl>(3);
  Cascade cascade(std::make_shared<BrightImpl>(), second);
  EXPECT_EQ(cascade->in_channels(), 1);
  cascade->forward(torch::randn({2, 1, 4, 4}));
  EXPECT_EQ(second->seen.sizes(), (std::vector<int64_t>{2, 3, 4, 4}));
  EXPECT_EQ(
      complaint(ErrorKind::recipe,
                [] { Cascade(std::make_shared<BrightImpl>(3), std::make_shared<BrightImpl>(1)); }),
      "cascade: the networks take 3 and 1 channels, expected the same, or 1 and 3");
}

TEST(Cascade, AsksForSizesThatBothCanHalve) {
  Cascade cascade(UNet(UNetOptions{.widths = {2, 4, 8}}).ptr(), std::make_shared<BrightImpl>());
  EXPECT_EQ(cascade->stride(), 4);
  complaint(ErrorKind::usage, [&] { cascade->forward(torch::randn({1, 1, 4, 6})); });
}

TEST(Cascade, ShowsTheFirstNetworksLogitsBesideItsOwn) {
  torch::manual_seed(2);
  CHSNet net(tiny(CascadeGate::hard));
  net->eval();
  const auto image = torch::randn({2, 1, 8, 8});
  const auto prediction = net->forward(image);
  ASSERT_EQ(prediction.side.size(), 1u);
  EXPECT_TRUE(torch::equal(prediction.side[0], lung_of(*net)->forward(image).logits));
  EXPECT_EQ(prediction.logits.sizes(), image.sizes());
}

TEST(Cascade, IsTheSecondNetworkOnTheGatedImage) {
  torch::manual_seed(2);
  for (const auto gate : {CascadeGate::hard, CascadeGate::soft}) {
    CHSNet net(tiny(gate));
    net->eval();
    const auto image = torch::randn({2, 1, 8, 8});
    const auto p = torch::sigmoid(lung_of(*net)->forward(image).logits);
    const auto seen = image * (gate == CascadeGate::soft ? p : (p > 0.5).to(torch::kFloat32));
    const auto infection =
        std::dynamic_pointer_cast<SegmentationModel>(net->named_children()["infection"]);
    EXPECT_TRUE(
        torch::allclose(net->forward(image).logits, infection->forward(seen).logits, 1e-5, 1e-6));
  }
}

/// Whether each parameter of the first and of the second network is reached by `loss`.
std::pair<int64_t, int64_t> reached(SegmentationModel& net, const torch::Tensor& loss) {
  net.zero_grad();
  loss.backward();
  std::pair<int64_t, int64_t> count = {0, 0};
  for (const auto& p : net.named_parameters()) {
    const auto& grad = p.value().grad();
    if (!grad.defined() || grad.abs().sum().item<double>() == 0) continue;
    ++(p.key().starts_with("lung.") ? count.first : count.second);
  }
  return count;
}

TEST(Cascade, LetsTheLossOfTheSecondReachTheFirstThroughASoftGateOnly) {
  torch::manual_seed(2);
  const auto image = torch::randn({2, 1, 8, 8});
  for (const auto gate : {CascadeGate::hard, CascadeGate::soft}) {
    auto options = tiny(gate);  // without attention, whose ReLUs may let nothing through by chance
    for (auto* member : {&options.lung, &options.infection}) {
      member->widths = {6, 8};
      member->skip = RAIUSkip::plain;
    }
    CHSNet net(options);
    net->eval();  // in training, biases before a batch norm have no gradient
    int64_t lung = 0, infection = 0;
    for (const auto& p : net->named_parameters()) ++(p.key()[0] == 'l' ? lung : infection);
    const auto own = net->forward(image).logits.square().mean();
    const auto soft = gate == CascadeGate::soft ? lung : 0;
    EXPECT_EQ(reached(*net, own), std::pair(soft, infection));
    const auto prediction = net->forward(image);
    const auto all = prediction.logits.square().mean() + prediction.side[0].square().mean();
    EXPECT_EQ(reached(*net, all), std::pair(lung, infection));
  }
}

TEST(Cascade, NamesTheLayersOfBothNetworks) {
  torch::manual_seed(2);
  const auto lung = UNet(UNetOptions{.widths = {2, 4}}).ptr();
  std::vector<std::string> seen;
  const auto image = torch::randn({1, 1, 4, 4});
  {
    Cascade cascade(lung, std::make_shared<BrightImpl>());
    const std::vector<std::string> names = {"lung.enc1", "lung.enc2", "lung.dec1",
                                            "infection.bright"};
    EXPECT_EQ(cascade->layer_names(), names);
    cascade->watch_layers([&](const std::string& layer, torch::Tensor output) {
      seen.push_back(layer);
      return layer == "infection.bright" ? output + 1 : output;
    });
    const auto shifted = cascade->forward(image).logits;
    EXPECT_EQ(seen, names);
    cascade->watch_layers({});
    EXPECT_TRUE(torch::allclose(shifted, cascade->forward(image).logits + 1));
  }
  lung->eval();
  lung->forward(image);  // on its own again
  EXPECT_EQ(seen.size(), 4u);
}

// Behind a hard gate a layer of the first network may move nothing but its own logits.
TEST(Cascade, LetsEveryLayerMoveTheLogitsOrTheSide) {
  torch::manual_seed(2);
  CHSNet net(tiny(CascadeGate::hard));
  net->eval();
  const auto image = torch::randn({1, 1, 8, 8});
  const auto before = net->forward(image);
  for (const auto& name : net->layer_names()) {
    net->watch_layers([&](const std::string& layer, torch::Tensor output) {
      return layer == name ? output + 10 * torch::randn_like(output) : output;
    });
    const auto after = net->forward(image);
    EXPECT_FALSE(torch::equal(after.logits, before.logits) &&
                 torch::equal(after.side[0], before.side[0]))
        << name;
  }
}

TEST(Cascade, KeepsTheKeysOfBothNetworksApart) {
  CHSNet net(tiny(CascadeGate::hard));
  const auto parameters = net->named_parameters();
  EXPECT_TRUE(parameters.contains("lung.enc.0.inception1.conv3.depthwise.weight"));
  EXPECT_TRUE(parameters.contains("infection.enc.2.inception1.conv3.depthwise.weight"));
}

TEST(CHSNet, HasTwiceTheParametersOfARAIUNet) {
  const auto count = count_parameters(*CHSNet());
  EXPECT_EQ(count.trainable, 2 * 4'022'924);
  EXPECT_EQ(count.total(), 8'091'052);
}

TEST(CHSNet, TrainsInBfloat16) {
  torch::manual_seed(2);
  for (const auto gate : {CascadeGate::hard, CascadeGate::soft}) {
    CHSNet net(tiny(gate));
    Prediction p;
    {
      const Autocast autocast(torch::kCPU, torch::kBFloat16);
      p = net->forward(torch::randn({2, 1, 8, 8}));
    }
    EXPECT_EQ(p.logits.scalar_type(), torch::kBFloat16);
    (p.logits.to(torch::kFloat32).square().mean() + p.side[0].to(torch::kFloat32).square().mean())
        .backward();
    for (const auto& parameter : net->named_parameters()) {
      ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
      EXPECT_TRUE(torch::isfinite(parameter.value().grad()).all().item<bool>()) << parameter.key();
    }
  }
}

}  // namespace
}  // namespace groundglass
