#include "groundglass/core/task.h"

#include <cmath>
#include <limits>

#include "tests/complaint.h"

namespace groundglass {
namespace {

const auto kDouble = torch::dtype(torch::kFloat64);

TEST(Probabilities, OfOneLogitAreItsSigmoid) {
  const auto p = probabilities(torch::tensor({0., std::log(3.)}, kDouble).view({1, 1, 1, 2}));
  EXPECT_EQ(p.sizes(), (std::vector<int64_t>{1, 1, 1, 2}));
  EXPECT_NEAR(p[0][0][0][0].item<double>(), 0.5, 1e-15);
  EXPECT_NEAR(p[0][0][0][1].item<double>(), 0.75, 1e-15);
}

// Softmax of log 1, log 2, log 5 is 1/8, 2/8, 5/8; the first is background. Two images and two
// pixels whose numbers differ, so that no other axis would do.
TEST(Probabilities, OfThreeLogitsAreTheSoftmaxWithoutBackground) {
  const auto ratios = torch::tensor({1., 5., 2., 1., 5., 2.,  // pixels of class 0, 1, 2
                                     3., 1., 1., 1., 4., 2.},
                                    kDouble);
  const auto p = probabilities(ratios.log().view({2, 3, 1, 2}));
  EXPECT_EQ(p.sizes(), (std::vector<int64_t>{2, 2, 1, 2}));
  const auto expected =
      torch::tensor({2. / 8, 1. / 8, 5. / 8, 2. / 8, 1. / 8, 1. / 4, 4. / 8, 2. / 4}, kDouble);
  EXPECT_TRUE(torch::allclose(p.flatten(), expected, 0, 1e-14)) << p;
}

TEST(Probabilities, OfTwoLogitsAreTheSigmoidOfTheirDifference) {
  torch::manual_seed(1);
  const auto x = torch::randn({2, 2, 3, 3}, kDouble);
  EXPECT_TRUE(
      torch::allclose(probabilities(x), torch::sigmoid(x.narrow(1, 1, 1) - x.narrow(1, 0, 1))));
}

TEST(Probabilities, StayFiniteForLargeLogits) {
  EXPECT_TRUE(torch::isfinite(probabilities(torch::full({1, 3, 2, 2}, 1e4F))).all().item<bool>());
}

TEST(Labels, AreTheMostProbableClassAsLibTorchFindsIt) {
  torch::manual_seed(2);
  for (const int64_t classes : {2, 3, 5}) {
    // Coarse numbers, so that many pixels have ties.
    auto p = torch::randint(0, 4, {2, classes, 9, 7}).to(torch::kFloat32) / 8;
    p[0][1][2][3] = std::numeric_limits<float>::quiet_NaN();
    const auto all = torch::cat({1 - p.sum(1, true), p}, 1);
    EXPECT_TRUE(torch::equal(labels(p, 0.5), all.argmax(1).to(torch::kUInt8))) << classes;
    EXPECT_TRUE(torch::equal(labels(p.transpose(2, 3), 0.5),
                             all.transpose(2, 3).argmax(1).to(torch::kUInt8)));
    EXPECT_EQ(labels(p.to(kDouble), 0.5).scalar_type(), torch::kUInt8);
  }
}

TEST(Probabilities, NeedFourAxes) {
  EXPECT_EQ(complaint(ErrorKind::usage,
                      [] {
                        probabilities(torch::zeros({3, 4, 4}));
                      }),
            "logits are [3, 4, 4], expected [N,K,H,W]");
}

TEST(Labels, OfOneClassAreThoseAtOrAboveTheThreshold) {
  const auto p = torch::tensor({0.49, 0.5, 0.51, 0.}, kDouble).view({1, 1, 2, 2});
  const auto map = labels(p, 0.5);
  EXPECT_EQ(map.scalar_type(), torch::kUInt8);
  EXPECT_EQ(map.sizes(), (std::vector<int64_t>{1, 2, 2}));
  EXPECT_TRUE(torch::equal(map.flatten(), torch::tensor({0, 1, 1, 0}, torch::kUInt8)));
  EXPECT_EQ(labels(p, 0.505).sum().item<int64_t>(), 1);
  EXPECT_EQ(labels(p, 0).sum().item<int64_t>(), 4);
}

// Background is what is left: .5, .2, .3 and .34.
TEST(Labels, OfTwoClassesAreTheBestIncludingBackground) {
  const auto p = torch::tensor({0.3, 0.6, 0.25, 0.33, 0.2, 0.2, 0.45, 0.33}, kDouble);
  const auto map = labels(p.view({1, 2, 1, 4}), 0.99);
  EXPECT_TRUE(torch::equal(map.flatten(), torch::tensor({0, 1, 2, 0}, torch::kUInt8))) << map;
}

}  // namespace
}  // namespace groundglass
