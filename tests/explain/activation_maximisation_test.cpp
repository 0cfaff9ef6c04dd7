#include <gtest/gtest.h>

#include "groundglass/explain/activation_maximisation.h"
#include "groundglass/models/raiu_net.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

RAIUNet small_net() {
  torch::manual_seed(4);
  RAIUNet net(RAIUNetOptions{.widths = {4, 6, 8}});
  net->train();
  return net;
}

double mean_of(SegmentationModel& model, const torch::Tensor& image, const std::string& layer) {
  double mean = 0;
  model.eval();
  model.watch_layers([&](const std::string& name, torch::Tensor output) {
    if (name == layer) mean = output.mean().item<double>();
    return output;
  });
  const torch::NoGradGuard no_grad;
  model.forward(image);
  model.watch_layers({});
  return mean;
}

/// Two layers of one map each: the image doubled, and that where it is above 1.
class TwoLayers final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override {
    const auto first = watched("first", image * 2);
    return {{watched("second", torch::relu(first - 1))}, {}, {}};
  }
  Prediction decode(const Features& f) override { return {f.maps[0], {}}; }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {"first", "second"}; }
};

TEST(ActivationMap, WeighsTheLayerBeforeByItsMeanGradient) {
  TwoLayers model;
  const auto image = torch::tensor({{0.1F, 0.9F}, {0.6F, 0.2F}}).view({1, 1, 2, 2});
  const auto map = activation_map(model, image, "second");
  // The weight is one number above 0 for the only map, so the map is the stretched image.
  EXPECT_TRUE(map.allclose((image[0][0] - 0.1) / 0.8, 1e-5, 1e-6));
}

TEST(ActivationMap, DropsWhatSpeaksAgainstTheLayer) {
  /// The second layer falls where the first one rises.
  class Falling final : public SegmentationModel {
   public:
    Features encode(torch::Tensor image) override {
      const auto first = watched("first", image * 2);
      return {{watched("second", 3 - first)}, {}, {}};
    }
    Prediction decode(const Features& f) override { return {f.maps[0], {}}; }
    int64_t stride() const override { return 1; }
    int64_t in_channels() const override { return 1; }
    int64_t out_channels() const override { return 1; }
    std::vector<std::string> layer_names() const override { return {"first", "second"}; }
  };
  Falling model;
  EXPECT_EQ(activation_map(model, torch::rand({1, 1, 4, 4}), "second").sum().item<float>(), 0);
}

TEST(ActivationMap, IsZeroWhereNothingDrivesTheLayer) {
  TwoLayers model;
  EXPECT_EQ(activation_map(model, torch::zeros({1, 1, 4, 4}), "second").sum().item<double>(), 0);
}

TEST(ActivationMap, CoversTheImageOfAttentionLayers) {
  auto net = small_net();
  const auto map = activation_map(*net, torch::rand({1, 1, 32, 48}), "ssd1");
  EXPECT_EQ(map.sizes(), (torch::IntArrayRef{32, 48}));
  EXPECT_GE(map.min().item<float>(), 0);
  EXPECT_LE(map.max().item<float>(), 1);
  EXPECT_TRUE(net->is_training());
}

TEST(ActivationMap, NeedsALayerWithOneBeforeIt) {
  auto net = small_net();
  const auto image = torch::rand({1, 1, 32, 32});
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { activation_map(*net, image, "ssd9"); }),
                   {"'ssd9'", "ssd1"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { activation_map(*net, image, "enc1"); }),
                   {"'enc1'", "none before"}));
}

TEST(ActivationPattern, RaisesTheActivationOfItsLayer) {
  auto net = small_net();
  const auto flat = torch::full({1, 1, 32, 32}, 0.5F);
  const auto pattern = activation_pattern(*net, 32, {.layer = "dec1", .filter = 2, .steps = 30});
  const auto of_filter = [&](const torch::Tensor& image) {
    double mean = 0;
    net->eval();
    net->watch_layers([&](const std::string& name, torch::Tensor output) {
      if (name == "dec1") mean = output.select(1, 2).mean().item<double>();
      return output;
    });
    const torch::NoGradGuard no_grad;
    net->forward(image);
    net->watch_layers({});
    return mean;
  };
  EXPECT_EQ(pattern.sizes(), (torch::IntArrayRef{1, 32, 32}));
  EXPECT_GT(of_filter(pattern.unsqueeze(0)), of_filter(flat));
  EXPECT_GE(pattern.min().item<float>(), 0);
  EXPECT_LE(pattern.max().item<float>(), 1);
  const auto all = activation_pattern(*net, 32, {.layer = "ssd1", .steps = 10});
  const auto start = activation_pattern(*net, 32, {.layer = "ssd1", .steps = 0});
  EXPECT_GT(mean_of(*net, all.unsqueeze(0), "ssd1"), mean_of(*net, start.unsqueeze(0), "ssd1"));
}

TEST(ActivationPattern, IsTheSameForTheSameSeed) {
  auto net = small_net();
  const PatternOptions options{.layer = "dec1", .steps = 3, .seed = 9};
  EXPECT_TRUE(activation_pattern(*net, 32, options).equal(activation_pattern(*net, 32, options)));
}

TEST(ActivationPattern, RefusesWhatThereIsNot) {
  auto net = small_net();
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage,
                     [&] { activation_pattern(*net, 32, {.layer = "dec1", .filter = 40}); }),
           {"no filter 40", "0 to 3"}));
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [&] { activation_pattern(*net, 32, {.layer = "x"}); }),
           {"no layer 'x'"}));
}

}  // namespace
}  // namespace groundglass
