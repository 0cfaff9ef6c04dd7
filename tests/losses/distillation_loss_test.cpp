#include "groundglass/losses/distillation_loss.h"

#include <cmath>

#include "groundglass/losses/cross_entropy_loss.h"
#include "tests/complaint.h"
#include "tests/losses/golden.h"

namespace groundglass {
namespace {

torch::Tensor of(double logit) {
  return torch::full({1, 1, 1, 2}, logit, kDouble);
}

TEST(DistillationLoss, IsTheCrossEntropyOfTwoSigmoids) {
  const auto target = torch::zeros({1, 1, 2}, torch::kInt64);
  const double p = 1 / (1 + std::exp(-0.3)), q = 1 / (1 + std::exp(1.2));
  const double wanted = -q * std::log(p) - (1 - q) * std::log(1 - p);
  EXPECT_NEAR(distillation_loss(of(0.3), of(-1.2), target).item<double>(), wanted, 1e-12);
}

TEST(DistillationLoss, IsTheCrossEntropyWithTheMasksOfATeacherThatIsSureOfThem) {
  EXPECT_NEAR(
      distillation_loss(golden_logits(), certain(golden_target()), golden_target()).item<double>(),
      cross_entropy_loss(golden_logits(), golden_target(), CrossEntropyLossOptions{})
          .item<double>(),
      1e-9);
  const auto known = ignoring_target();
  const auto classes = torch::one_hot(known.masked_fill(known == 255, 0).to(torch::kInt64), 3);
  const auto surer = classes.permute({0, 3, 1, 2}).to(kDouble) * 90;
  EXPECT_NEAR(
      distillation_loss(three_class_logits(), surer, known).item<double>(),
      cross_entropy_loss(three_class_logits(), known, CrossEntropyLossOptions{}).item<double>(),
      1e-9);
}

TEST(DistillationLoss, HasNoSlopeWhereTheTeacherIsMatchedAndNoneForTheTeacher) {
  auto logits = three_class_logits().clone().set_requires_grad(true);
  auto teacher = three_class_logits().clone().set_requires_grad(true);
  distillation_loss(logits, teacher, three_class_target()).backward();
  EXPECT_LT(logits.grad().abs().max().item<double>(), 1e-12);
  EXPECT_FALSE(teacher.grad().defined());
}

TEST(DistillationLoss, SlopesFromTheNetworkToTheTeacher) {
  const auto target = torch::zeros({1, 1, 2}, torch::kInt64);
  auto logits = of(0.3).set_requires_grad(true);
  distillation_loss(logits, of(-1.2), target).backward();
  const double p = 1 / (1 + std::exp(-0.3)), q = 1 / (1 + std::exp(1.2));
  EXPECT_NEAR(logits.grad().flatten()[0].item<double>(), (p - q) / 2, 1e-12);
}

TEST(DistillationLoss, RefusesATeacherWithOtherChannels) {
  const auto target = torch::zeros({1, 1, 2}, torch::kInt64);
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage,
                     [&] {
                       distillation_loss(of(0), torch::zeros({1, 3, 1, 2}, kDouble), target);
                     }),
           {"3 channels", "1"}));
}

}  // namespace
}  // namespace groundglass
