#include "groundglass/losses/entropy_loss.h"

#include <cmath>

#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

const EntropyLossOptions kAll = {EntropyPixels::all};

double entropy(double p) {
  return -p * std::log(p) - (1 - p) * std::log(1 - p);
}

TEST(EntropyLoss, IsTheMeanEntropyOfASigmoid) {
  const double wanted = (entropy(0.9) + entropy(0.8) + entropy(0.3) + entropy(0.1)) / 4;
  EXPECT_NEAR(entropy_loss(golden_logits(), golden_target(), kAll).item<double>(), wanted, 1e-12);
}

TEST(EntropyLoss, LooksAtUnlabelledPixelsAlone) {
  auto target = golden_target();
  EXPECT_EQ(entropy_loss(golden_logits(), target).item<double>(), 0);
  target.flatten()[1] = 255;
  EXPECT_NEAR(entropy_loss(golden_logits(), target).item<double>(), entropy(0.8), 1e-12);
}

TEST(EntropyLoss, OfThreeClassesCountsEveryClass) {
  const auto logits = three_class_logits();
  const auto p = torch::softmax(logits, 1);
  const double wanted = -(p * p.log()).sum(1).mean().item<double>();
  EXPECT_NEAR(entropy_loss(logits, three_class_target(), kAll).item<double>(), wanted, 1e-12);
  // Images [1] and [0] have a pixel each that is ignored in ignoring_target: the third and first.
  const auto each = -(p * p.log()).sum(1).flatten();
  EXPECT_NEAR(entropy_loss(logits, ignoring_target()).item<double>(),
              (each[2] + each[3]).item<double>() / 2, 1e-12);
}

TEST(EntropyLoss, IsLargestWhereNothingIsKnownAndFiniteWhereAllIs) {
  const auto target = torch::zeros({1, 1, 1}, torch::kInt64);
  const auto of = [&](double x) {
    return entropy_loss(torch::full({1, 1, 1, 1}, x, kDouble), target, kAll).item<double>();
  };
  EXPECT_NEAR(of(0), std::log(2), 1e-12);
  for (const double x : {-40., 40.}) EXPECT_NEAR(of(x), 0, 1e-9);
}

TEST(EntropyLoss, HasTheGradientOfFiniteDifferences) {
  auto logits = golden_logits().clone().set_requires_grad(true);
  entropy_loss(logits, golden_target(), kAll).backward();
  const double h = 1e-6;
  for (int64_t i = 0; i < 4; ++i) {
    auto up = golden_logits().clone(), down = golden_logits().clone();
    up.flatten()[i] += h;
    down.flatten()[i] -= h;
    const double slope =
        (entropy_loss(up, golden_target(), kAll) - entropy_loss(down, golden_target(), kAll))
            .item<double>() /
        (2 * h);
    EXPECT_NEAR(logits.grad().flatten()[i].item<double>(), slope, 1e-8);
  }
}

TEST(EntropyLoss, RefusesShapesThatDoNotAgree) {
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage,
                     [] {
                       entropy_loss(golden_logits(), torch::zeros({1, 3, 3}, torch::kInt64));
                     }),
           {"[1, 1, 2, 2]", "[1, 3, 3]"}));
}

}  // namespace
}  // namespace groundglass
