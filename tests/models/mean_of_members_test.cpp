#include "groundglass/models/mean_of_members.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "groundglass/models/unet.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

ModelPtr small_net(int64_t out_channels = 1) {
  return UNet(UNetOptions{.out_channels = out_channels, .widths = {4, 8}}).ptr();
}

TEST(MeanOfMembers, AnswersTheMeanOfTheLogits) {
  const std::vector<ModelPtr> members = {small_net(2), small_net(2), small_net(2)};
  MeanOfMembers mean(members);
  mean->eval();
  const torch::NoGradGuard no_grad;
  const auto image = torch::rand({2, 1, 16, 24});
  torch::Tensor sum = torch::zeros({2, 2, 16, 24});
  for (const auto& member : members) sum += member->forward(image).logits;
  const auto said = mean->forward(image);
  EXPECT_TRUE(torch::allclose(said.logits, sum / 3, 1e-5, 1e-6));
  EXPECT_TRUE(said.side.empty());
  EXPECT_GT((said.logits - members[0]->forward(image).logits).abs().max().item<double>(), 1e-3);
  EXPECT_EQ(mean->out_channels(), 2);
  EXPECT_EQ(mean->stride(), 2);
}

TEST(MeanOfMembers, HasEachMembersLogitsAsSidesWhileTraining) {
  MeanOfMembers mean(std::vector<ModelPtr>{small_net(), small_net()});
  const auto said = mean->forward(torch::rand({2, 1, 16, 16}));
  ASSERT_EQ(said.side.size(), 2U);
  EXPECT_EQ(mean->supervised_sides(), 2);
  EXPECT_TRUE(torch::allclose((said.side[0] + said.side[1]) / 2, said.logits, 1e-5, 1e-6));
}

TEST(MeanOfMembers, NamesWeightsAndLayersByMember) {
  MeanOfMembers mean(std::vector<ModelPtr>{small_net(), small_net()});
  EXPECT_TRUE(mean->named_parameters().contains("member1.head.weight"));
  EXPECT_TRUE(mean->named_parameters().contains("member2.head.weight"));
  EXPECT_EQ(mean->named_parameters().size(), 2 * small_net()->named_parameters().size());
  std::vector<std::string> seen;
  mean->watch_layers([&](const std::string& layer, torch::Tensor output) {
    seen.push_back(layer);
    return output;
  });
  mean->forward(torch::rand({1, 1, 16, 16}));
  auto names = mean->layer_names();
  std::sort(seen.begin(), seen.end());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(seen, names);
  EXPECT_EQ(member_prefix(0), "member1.");
}

TEST(MeanOfMembers, RefusesNoneAndUnlikeOnes) {
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { MeanOfMembers(std::vector<ModelPtr>{}); }),
                   {"no networks", "one at least"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [] {
                               MeanOfMembers(std::vector<ModelPtr>{small_net(1), small_net(3)});
                             }),
                   {"1 to 3 channels", "of 1 to 1", "the same"}));
}

}  // namespace
}  // namespace groundglass
