#include "groundglass/train/weights.h"

#include <gtest/gtest.h>

#include "groundglass/models/unet.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

TEST(LoadWeights, ListsWhatIsMissingUnexpectedAndOfAnotherShape) {
  UNet net(UNetOptions{.widths = {2}});
  auto stored = named_weights(*net);
  stored.erase("head.bias");
  stored["tail.bias"] = torch::zeros({1});
  stored["head.weight"] = torch::zeros({3, 2, 1, 1});
  EXPECT_EQ(
      complaint(ErrorKind::checkpoint, [&] { load_weights(*net, stored, "old.safetensors"); }),
      "old.safetensors: the weights do not fit the network; missing: head.bias; unexpected: "
      "tail.bias; of another shape: head.weight [3, 2, 1, 1] for [1, 2, 1, 1]");
  complaint(ErrorKind::checkpoint, [&] { load_weights(*net, {}, "empty"); });
}

TEST(LoadWeights, ChangesNothingWhenItRefuses) {
  UNet net(UNetOptions{.widths = {2}});
  std::map<std::string, torch::Tensor> stored;
  for (const auto& [name, tensor] : named_weights(*net)) stored[name] = tensor + 1;
  stored.erase("head.bias");
  const auto before = net->named_parameters()["head.weight"].clone();
  complaint(ErrorKind::checkpoint, [&] { load_weights(*net, stored, "x"); });
  EXPECT_TRUE(torch::equal(before, net->named_parameters()["head.weight"]));
}

TEST(LoadWeights, WidensKernelsInHalfPrecision) {
  UNet net(UNetOptions{.widths = {2}}), copy(UNetOptions{.widths = {2}});
  const auto half = halved(named_weights(*net));
  EXPECT_EQ(half.at("head.weight").scalar_type(), torch::kFloat16);
  EXPECT_EQ(half.at("head.bias").scalar_type(), torch::kFloat32);
  EXPECT_EQ(half.at("down.0.norm1.running_var").scalar_type(), torch::kFloat32);
  load_weights(*copy, half, "half");
  EXPECT_EQ(copy->named_parameters()["head.weight"].scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::allclose(copy->named_parameters()["head.weight"],
                              net->named_parameters()["head.weight"], 1.0 / 2048, 1e-7));
}

}  // namespace
}  // namespace groundglass
