#include "groundglass/train/import_weights.h"

#include "groundglass/core/files.h"
#include "groundglass/models/attention_unet.h"
#include "groundglass/models/encoders/inception_v3.h"
#include "groundglass/models/encoders/resnet.h"
#include "groundglass/models/linknet.h"
#include "groundglass/models/r231_unet.h"
#include "groundglass/train/foreign_weights.h"
#include "tests/complaint.h"
#include "tests/io/torch_checkpoint_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

/// Random weights in the shapes of a network, counters included.
Tensors random_weights(const torch::nn::Module& network) {
  torch::manual_seed(7);
  Tensors all;
  for (const auto& [name, tensor] : named_weights(network)) {
    all[name] = tensor.is_floating_point() ? torch::rand_like(tensor) + 0.5 : tensor.clone();
  }
  return all;
}

Tensors without_counters(Tensors all) {
  for (auto it = all.begin(); it != all.end();) {
    it = it->first.find("num_batches_tracked") == std::string::npos ? std::next(it) : all.erase(it);
  }
  return all;
}

void expect_same(const torch::nn::Module& network, const std::string& prefix,
                 const Tensors& expected) {
  const auto found = named_weights(network);
  for (const auto& [name, tensor] : expected) {
    ASSERT_EQ(found.count(prefix + name), 1u) << name;
    EXPECT_TRUE(torch::equal(found.at(prefix + name), tensor)) << name;
  }
}

class ImportWeights : public ::testing::Test {
 protected:
  std::filesystem::path write(const Tensors& tensors) {
    write_safetensors(folder_ / "weights.safetensors", {tensors, {}});
    return folder_ / "weights.safetensors";
  }
  std::string refused(torch::nn::Module& network, const Tensors& tensors,
                      WeightsLayout layout = WeightsLayout::automatic) {
    const auto path = write(tensors);
    return complaint(ErrorKind::checkpoint, [&] { import_weights(network, path, layout); });
  }
  ScratchFolder folder_;
};

LinkNetOptions linknet(int64_t in_channels = 3) {
  auto options = linknet_options(LinkNetLayout::smp);
  options.in_channels = in_channels;
  return options;
}

Tensors resnet34() {
  static const Tensors all = [] {
    auto weights = without_counters(random_weights(*ResNet()));
    weights["fc.weight"] = torch::zeros({10, 512});
    weights["fc.bias"] = torch::zeros({10});
    return weights;
  }();
  return all;
}

TEST_F(ImportWeights, FillsTheEncoderOfANetworkAndSaysWhatItLeftOut) {
  LinkNet network(linknet());
  const auto head = network->named_parameters()["head.weight"].clone();
  const auto report = import_weights(*network, write(resnet34()));
  auto expected = resnet34();
  expected.erase("fc.weight");
  expected.erase("fc.bias");
  expect_same(*network, "encoder.", expected);
  EXPECT_TRUE(torch::equal(network->named_parameters()["head.weight"], head));
  EXPECT_EQ(report.layout, WeightsLayout::torchvision);
  EXPECT_EQ(report.taken, static_cast<int64_t>(expected.size()));
  EXPECT_EQ(report.left_out, (std::vector<std::string>{"fc.bias", "fc.weight"}));
  EXPECT_TRUE(says(report.text(), {"torchvision weights, 180 taken",
                                   "left out: fc.bias and "
                                   "fc.weight",
                                   "not in the file: decoder.0.expand.conv.weight"}));
}

TEST_F(ImportWeights, ReadsTorchCheckpointsBySight) {
  samples::Named named;
  for (const auto& [name, tensor] : resnet34()) named.emplace_back("module." + name, tensor);
  for (const auto& bytes : {samples::zipped(named), samples::rowed(named)}) {
    write_file(folder_ / "checkpoint.anything", bytes, Flush::to_system);
    LinkNet network(linknet());
    import_weights(*network, folder_ / "checkpoint.anything");
    EXPECT_TRUE(torch::equal(network->named_parameters()["encoder.conv1.weight"],
                             resnet34().at("conv1.weight")));
  }
}

TEST_F(ImportWeights, ShowsOneChannelWhatThreeGrayOnesShow) {
  LinkNet network(linknet(1));
  const auto report = import_weights(*network, write(resnet34()));
  const auto kernel = network->named_parameters()["encoder.conv1.weight"];
  EXPECT_EQ(kernel.size(1), 1);
  EXPECT_TRUE(torch::allclose(kernel.squeeze(1), resnet34().at("conv1.weight").sum(1)));
  EXPECT_TRUE(says(report.text(), {"adapted: encoder.conv1.weight (one channel from three)"}));
  ResNet gray(ResNetOptions{.in_channels = 1}), color;
  import_weights(*gray, folder_ / "weights.safetensors");
  import_weights(*color, folder_ / "weights.safetensors");
  gray->eval(), color->eval();
  const auto image = torch::rand({1, 1, 64, 64});
  EXPECT_TRUE(torch::allclose(gray->forward(image).maps[0],
                              color->forward(image.expand({1, 3, 64, 64})).maps[0], 1e-4, 1e-4));
}

TEST_F(ImportWeights, NamesWhatDoesNotFitAndChangesNothing) {
  LinkNet network(linknet());
  const auto before = network->named_parameters()["encoder.conv1.weight"].clone();
  auto stored = resnet34();
  stored.erase("bn1.running_mean");
  stored.erase("layer1.0.conv1.weight");
  stored["layer9.weight"] = torch::zeros({1});
  stored["layer2.0.bn1.bias"] = torch::zeros({5});
  EXPECT_TRUE(says(refused(*network, stored),
                   {"weights.safetensors: its weights (torchvision) do not fit the network",
                    "missing: encoder.bn1.running_mean and encoder.layer1.0.conv1.weight",
                    "unexpected: encoder.layer9.weight",
                    "of another shape: encoder.layer2.0.bn1.bias [5] for [128]"}));
  EXPECT_TRUE(torch::equal(network->named_parameters()["encoder.conv1.weight"], before));
  LinkNet other(linknet_options(LinkNetLayout::qubvel));  // its ResNet is a pre-activation one
  EXPECT_TRUE(says(refused(*other, resnet34()), {"missing: encoder.bn0.bias", "unexpected:"}));
}

TEST_F(ImportWeights, AsksWhoseWeightsTheseAreIfItCannotTell) {
  ResNet network;
  EXPECT_TRUE(says(refused(*network, {{"a", torch::zeros({1})}, {"b", torch::zeros({1})}}),
                   {"cannot be told from a and b", "model.weights_layout"}));
  EXPECT_TRUE(says(
      complaint(ErrorKind::checkpoint, [&] { import_weights(*network, folder_ / "none.pth"); }),
      {"none.pth: no such file"}));
}

TEST_F(ImportWeights, TakesOurOwnWeightsByTheirNames) {
  AttentionUNet network(AttentionUNetOptions{.widths = {4, 8}});
  const auto weights = random_weights(*network);
  const auto report = import_weights(*network, write(weights));
  expect_same(*network, "", weights);
  EXPECT_EQ(report.layout, WeightsLayout::groundglass);
  EXPECT_TRUE(report.fresh.empty());
}

TEST_F(ImportWeights, LeavesTheUnusedBranchesOfLungmaskOut) {
  R231UNet network(R231UNetOptions{.widths = {4, 8}});
  const auto weights = random_weights(*network);
  auto stored = weights;
  stored["down_path.0.residual_input_conv.weight"] = torch::zeros({4, 1, 1, 1});
  stored["up_path.0.conv_block.residual_batchnorm.running_var"] = torch::zeros({4});
  const auto report = import_weights(*network, write(stored), WeightsLayout::lungmask);
  expect_same(*network, "", weights);
  EXPECT_EQ(report.left_out.size(), 2u);
}

// gamma (w x - m) / s + b is what a batch norm without gamma makes of gamma w and gamma m.
TEST_F(ImportWeights, PutsTheScaleOfABatchNormIntoTheConvolutionIfOursHasNone) {
  InceptionV3 network;
  const auto weights = random_weights(*network);
  auto stored = weights;
  stored["AuxLogits.fc.weight"] = torch::zeros({2, 2});
  for (const auto& [name, tensor] : weights) {
    const std::string ending = ".bn.bias";
    if (name.size() < ending.size() || name.substr(name.size() - ending.size()) != ending) continue;
    stored[name.substr(0, name.size() - 4) + "weight"] = torch::ones_like(tensor);
  }
  stored["Conv2d_1a_3x3.bn.weight"] = torch::full({32}, 2.f);
  const auto report = import_weights(*network, write(stored), WeightsLayout::torchvision);
  auto expected = weights;
  for (const char* twice : {"Conv2d_1a_3x3.conv.weight", "Conv2d_1a_3x3.bn.running_mean"}) {
    expected[twice] = weights.at(twice) * 2;
  }
  expect_same(*network, "", expected);
  EXPECT_EQ(report.adapted.size(), 94u);
  EXPECT_EQ(report.left_out, std::vector<std::string>{"AuxLogits.fc.weight"});
}

TEST(FromTorch, CutsWrappersAndMendsTheNamesOfOldVersions) {
  const auto x = torch::zeros({1});
  const auto out =
      from_torch({{"module.densenet121.features.conv0.weight", x},
                  {"module.densenet121.features.denseblock1.denselayer10.norm.1.running_mean", x},
                  {"module.densenet121.features.denseblock1.denselayer10.conv.2.weight", x},
                  {"module.densenet121.classifier.0.weight", x}});
  std::vector<std::string> names;
  for (const auto& [name, tensor] : out.tensors) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "features.conv0.weight", "features.denseblock1.denselayer10.conv2.weight",
                       "features.denseblock1.denselayer10.norm1.running_mean"}));
  EXPECT_EQ(out.left_out, std::vector<std::string>{"classifier.0.weight"});
  // A prefix that not all names have is part of the names.
  EXPECT_EQ(from_torch({{"module.a", x}, {"b", x}}).tensors.count("module.a"), 1u);
}

TEST(FromKeras, TurnsKernelsIntoOurLayouts) {
  const auto kernel = torch::rand({3, 5, 2, 4}), depth = torch::rand({3, 3, 6, 1});
  const auto out = from_keras({{"conv0/kernel", kernel},
                               {"bn0/gamma", torch::ones({4})},
                               {"bn0/moving_variance", torch::ones({4})},
                               {"fc1000/kernel", torch::ones({2, 2})},
                               {"unheard_of/kernel", torch::ones({2, 2})}});
  EXPECT_TRUE(torch::equal(out.tensors.at("conv0.weight"), kernel.permute({3, 2, 0, 1})));
  EXPECT_EQ(out.tensors.count("bn0.weight"), 1u);
  EXPECT_EQ(out.tensors.count("bn0.running_var"), 1u);
  EXPECT_EQ(out.tensors.count("unheard_of/kernel"), 1u);
  EXPECT_EQ(out.left_out, std::vector<std::string>{"fc1000/kernel"});
  EXPECT_FALSE(out.whole_network);
}

}  // namespace
}  // namespace groundglass
