#include "groundglass/models/unet.h"

#include <gtest/gtest.h>

#include "groundglass/models/inf_net.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

TEST(UNet, HasSideOutputsWhileTrainingAlone) {
  torch::manual_seed(3);
  UNet net(UNetOptions{.out_channels = 3, .widths = {4, 8, 8, 16}, .side_outputs = 2});
  const auto image = torch::rand({2, 1, 32, 48});
  const auto said = net->forward(image);
  EXPECT_EQ(net->supervised_sides(), 2);
  ASSERT_EQ(said.side.size(), 2U);
  for (const auto& side : said.side) EXPECT_EQ(side.sizes(), said.logits.sizes());
  EXPECT_EQ(net->named_parameters()["side_heads.0.weight"].size(1), 8);  // of the scale next to 4
  EXPECT_EQ(net->named_parameters().size(),
            UNet(UNetOptions{.widths = {4, 8, 8, 16}})->named_parameters().size() + 4);
  net->eval();
  EXPECT_TRUE(net->forward(image).side.empty());
}

TEST(UNet, SideOutputsLeaveTheLogitsAsTheyAre) {
  torch::manual_seed(3);
  UNet plain(UNetOptions{.widths = {4, 8, 8}});
  torch::manual_seed(3);
  UNet deep(UNetOptions{.widths = {4, 8, 8}, .side_outputs = 1});
  const auto image = torch::rand({1, 1, 32, 32});
  EXPECT_TRUE(torch::equal(plain->forward(image).logits, deep->forward(image).logits));
}

TEST(UNet, RefusesMoreSideOutputsThanScales) {
  EXPECT_TRUE(says(complaint(ErrorKind::recipe,
                             [] {
                               UNet(UNetOptions{.widths = {4, 8, 8}, .side_outputs = 2});
                             }),
                   {"side_outputs is 2", "at most 1", "3 widths"}));
  EXPECT_TRUE(says(
      complaint(ErrorKind::recipe, [] { UNet(UNetOptions{.widths = {4}, .side_outputs = 1}); }),
      {"at most 0"}));
}

TEST(InfNet, TrainsItsThreeMapsAndNotItsEdges) {
  InfNet net(InfNetOptions{.channels = 8});
  net->eval();
  const torch::NoGradGuard no_grad;
  const auto said = net->forward(torch::rand({1, 3, 64, 64}));
  EXPECT_EQ(said.side.size(), 4U);
  EXPECT_EQ(net->supervised_sides(), 3);
}

}  // namespace
}  // namespace groundglass
