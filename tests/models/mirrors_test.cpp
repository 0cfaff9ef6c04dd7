#include "groundglass/models/mirrors.h"

#include <gtest/gtest.h>

#include "tests/complaint.h"

namespace groundglass {
namespace {

/// Answers with the picture times a ramp that rises to the right and, ten times as fast, downwards.
torch::Tensor ramp(const torch::Tensor& x) {
  const auto right = torch::arange(1, x.size(3) + 1, torch::kFloat32);
  const auto down = 10 * torch::arange(1, x.size(2) + 1, torch::kFloat32);
  return x * (right + down.unsqueeze(1));
}

TEST(MeanOfViews, OfOneViewIsWhatTheNetworkSays) {
  const auto x = torch::rand({2, 1, 3, 4});
  EXPECT_TRUE(torch::equal(mean_of_views(ramp, x, 1), ramp(x)));
}

TEST(MeanOfViews, TurnsTheViewsBackBeforeItAveragesThem) {
  const auto x = torch::tensor({{1.F, 2.F}, {3.F, 4.F}}).view({1, 1, 2, 2});
  // Left-right, each pixel meets both columns of the ramp: 10 r + 1.5; all four: 15 + 1.5.
  const auto two = torch::tensor({{11.5F, 23.F}, {64.5F, 86.F}}).view({1, 1, 2, 2});
  EXPECT_TRUE(torch::allclose(mean_of_views(ramp, x, 2), two));
  EXPECT_TRUE(torch::allclose(mean_of_views(ramp, x, 4), 16.5 * x));
}

TEST(MeanOfViews, RefusesOtherNumbersOfViews) {
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [] { mirror_axes(3); }), {"3 views", "1, 2 or 4"}));
}

}  // namespace
}  // namespace groundglass
