#include <gtest/gtest.h>

#include "groundglass/explain/grad_cam.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/unet.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

/// Maps of a layer and the logits, as the network computes them.
std::pair<torch::Tensor, torch::Tensor> maps_and_logits(SegmentationModel& model,
                                                        const torch::Tensor& image,
                                                        const std::string& wanted) {
  const torch::NoGradGuard no_grad;
  torch::Tensor maps;
  model.eval();
  model.watch_layers([&](const std::string& layer, torch::Tensor output) {
    if (layer == wanted) maps = output;
    return output;
  });
  auto logits = model.forward(image).logits;
  model.watch_layers({});
  return {maps, logits};
}

// The head is a 1x1 convolution w on dec1's maps A, so the score of a set of n pixels has the
// gradient w_k in these pixels: alpha_k = w_k n / (H W), whatever the network before it.
TEST(GradCam, OfTheLastBlockIsTheHeadsWeightedSumOfItsMaps) {
  torch::manual_seed(2);
  AttentionUNet net(AttentionUNetOptions{.widths = {4, 8, 16}});
  const auto image = torch::rand({1, 1, 32, 48});
  const auto [maps, logits] = maps_and_logits(*net, image, "dec1");
  const auto head = net->named_parameters()["head.weight"].view({1, -1, 1, 1});
  for (const CamScore score : {CamScore::lesion, CamScore::all}) {
    const auto heat = grad_cam(*net, image, {.layer = "dec1", .score = score});
    const auto expected = torch::relu((head * maps).sum(1))[0].detach();
    EXPECT_TRUE(torch::allclose(heat, expected / expected.max().clamp_min(1e-12), 1e-4, 1e-5));
  }
}

TEST(GradCam, AgreesWithFiniteDifferencesOfAnEarlierLayer) {
  torch::manual_seed(3);
  UNet net(UNetOptions{.widths = {2, 4}});
  net->to(torch::kFloat64);
  net->eval();
  const auto image = torch::rand({1, 1, 8, 8}, torch::kFloat64);
  const auto [maps, logits] = maps_and_logits(*net, image, "enc2");
  std::vector<double> alpha;
  for (int64_t k = 0; k < maps.size(1); ++k) {
    const auto score_with = [&](double added) {  // a constant on map k: the sum of its derivatives
      const torch::NoGradGuard no_grad;
      net->watch_layers([&](const std::string& layer, torch::Tensor output) {
        if (layer != "enc2") return output;
        auto changed = output.clone();
        changed.select(1, k).add_(added);
        return changed;
      });
      const double score = net->forward(image).logits.sum().item<double>();
      net->watch_layers({});
      return score;
    };
    alpha.push_back((score_with(1e-6) - score_with(-1e-6)) / 2e-6 /
                    static_cast<double>(maps.size(2) * maps.size(3)));
  }
  const auto weights = torch::tensor(alpha, torch::kFloat64).view({1, -1, 1, 1});
  const auto coarse = torch::relu((weights * maps).sum(1, true));
  const auto expected = torch::upsample_bilinear2d(coarse, {8, 8}, false)[0][0];
  const auto heat = grad_cam(*net, image, {.layer = "enc2", .score = CamScore::all});
  EXPECT_TRUE(torch::allclose(heat, expected / expected.max(), 1e-4, 1e-5));
}

TEST(GradCam, WorksForEveryLayerAndLeavesTheNetworkAsItWas) {
  AttentionUNet net(AttentionUNetOptions{.widths = {4, 8, 16}});
  for (auto& p : net->parameters()) p.set_requires_grad(false);  // as a loaded model
  net->train();
  const auto image = torch::rand({1, 1, 16, 16});
  for (const auto& layer : net->layer_names()) {
    const auto heat = grad_cam(*net, image, {.layer = layer, .score = CamScore::all});
    EXPECT_EQ(heat.sizes(), (torch::IntArrayRef{16, 16})) << layer;
    EXPECT_GE(heat.min().item<float>(), 0) << layer;
    EXPECT_LE(heat.max().item<float>(), 1) << layer;
  }
  EXPECT_TRUE(net->is_training());
  for (const auto& p : net->parameters()) EXPECT_FALSE(p.grad().defined());
}

TEST(GradCam, RefusesALayerOrClassThatIsNotThere) {
  AttentionUNet net(AttentionUNetOptions{.out_channels = 3, .widths = {4, 8}});
  const auto image = torch::rand({1, 1, 16, 16});
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { grad_cam(*net, image, {.layer = "dec9"}); }),
                   {"'dec9'", "enc1, enc2 and dec1"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { grad_cam(*net, image, {.label = 3}); }),
                   {"class 3", "0 to 2"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               grad_cam(*net, torch::rand({1, 1, 15, 16}));
                             }),
                   {"multiples of 2"}));
}

}  // namespace
}  // namespace groundglass
