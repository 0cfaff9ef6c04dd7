#include "groundglass/losses/foreground.h"

#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

TEST(Foreground, LeavesTheBackgroundOut) {
  const auto [p, t] = foreground(three_class_logits(), three_class_target());
  EXPECT_EQ(p.sizes(), (std::vector<int64_t>{2, 2, 3}));
  EXPECT_EQ(t.sizes(), p.sizes());
  // Classes 1 and 2 of the first image, whose truth is 1, 2, 0; then 1, 0, 1.
  const auto truth = torch::tensor({1., 0., 0., 0., 1., 0., 1., 0., 1., 0., 0., 0.}, kDouble);
  EXPECT_TRUE(torch::equal(t.flatten(), truth)) << t;
  // First pixel: exp(.5), exp(1.5), exp(-.4)
  const double sum = std::exp(0.5) + std::exp(1.5) + std::exp(-0.4);
  EXPECT_NEAR(p[0][0][0].item<double>(), std::exp(1.5) / sum, 1e-12);
  EXPECT_NEAR(p[0][1][0].item<double>(), std::exp(-0.4) / sum, 1e-12);
}

TEST(Foreground, IsZeroInBothWherePixelsAreIgnored) {
  const auto [p, t] = foreground(three_class_logits(), ignoring_target());
  EXPECT_EQ(p[0].select(1, 2).abs().sum().item<double>(), 0);
  EXPECT_EQ(t[0].select(1, 2).abs().sum().item<double>(), 0);
  EXPECT_EQ(p[1].select(1, 0).abs().sum().item<double>(), 0);
  EXPECT_GT(p[1].select(1, 1).sum().item<double>(), 0);
}

TEST(EveryClass, PutsTheBackgroundFirst) {
  const auto [p, t] = every_class(golden_logits(), golden_target());
  EXPECT_EQ(p.sizes(), (std::vector<int64_t>{1, 2, 4}));
  EXPECT_TRUE(
      torch::allclose(p.flatten(), torch::tensor({.1, .2, .7, .9, .9, .8, .3, .1}, kDouble)));
  EXPECT_TRUE(torch::equal(t.flatten(), torch::tensor({0., 0., 1., 0., 1., 1., 0., 1.}, kDouble)));
  const auto three = every_class(three_class_logits(), ignoring_target());
  EXPECT_TRUE(
      torch::equal(three.p.narrow(1, 1, 2), foreground(three_class_logits(), ignoring_target()).p));
  const auto counted = torch::tensor({1., 1., 0., 0., 1., 1.}, kDouble).view({2, 3});
  EXPECT_TRUE(torch::allclose(three.p.sum(1), counted));
  EXPECT_TRUE(torch::equal(three.t.sum(1), counted));
}

TEST(EveryClass, KeepsTheSmallBackgroundOfACertainSigmoid) {
  const auto p = every_class(torch::full({1, 1, 1, 1}, 40.f), torch::ones({1, 1, 1})).p;
  EXPECT_GT(p[0][0][0].item<float>(), 0);
}

TEST(SoftConfusion, CountsTheGoldenExample) {
  const auto sums = soft_confusion(golden_logits(), golden_target(), Reduction::batch);
  EXPECT_EQ(sums.tp.sizes(), (std::vector<int64_t>{1}));
  EXPECT_NEAR(sums.tp.item<double>(), 1.8, 1e-12);
  EXPECT_NEAR(sums.fp.item<double>(), 0.3, 1e-12);
  EXPECT_NEAR(sums.fn.item<double>(), 1.2, 1e-12);
}

TEST(SoftConfusion, KeepsImagesApartIfAsked) {
  const auto x = three_class_logits();
  const auto apart = soft_confusion(x, three_class_target(), Reduction::per_image);
  const auto together = soft_confusion(x, three_class_target(), Reduction::batch);
  EXPECT_EQ(apart.fp.sizes(), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(together.fp.sizes(), (std::vector<int64_t>{2}));
  EXPECT_TRUE(torch::allclose(apart.tp.sum(0), together.tp));
  EXPECT_TRUE(torch::allclose(apart.fp.sum(0), together.fp));
  EXPECT_TRUE(torch::allclose(apart.fn.sum(0), together.fn));
}

}  // namespace
}  // namespace groundglass
