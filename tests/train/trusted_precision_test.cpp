#include "groundglass/train/trusted_precision.h"

#include <limits>

#include <gtest/gtest.h>

#include "groundglass/io/safetensors.h"
#include "groundglass/losses/dice_loss.h"
#include "groundglass/models/unet.h"
#include "groundglass/train/trainer.h"
#include "tests/data/made_up_set.h"

namespace groundglass {
namespace {

const Engine kBf16{torch::kCPU, torch::kBFloat16};

class Warnings final : public Observer {
 public:
  void on(const Warning& e) override { texts.push_back(e.message); }
  std::vector<std::string> texts;
};

auto always(double error) {
  return [error](int64_t, int64_t) { return error; };
}

TEST(TrustedPrecision, RoundingAloneIsTrusted) {
  const double error = bf16_kernel_gradient_error(64, 48);
  EXPECT_GT(error, 0.0005);  // zero would mean that bfloat16 was not used
  EXPECT_LT(error, 0.01);
}

TEST(TrustedPrecision, WrongOrMissingNumbersAreLeftForFloat32AndSaid) {
  for (const double error : {0.03, 1.4, std::numeric_limits<double>::quiet_NaN()}) {
    Warnings warnings;
    EXPECT_EQ(trusted_precision(kBf16, 288, 96, warnings, always(error)).precision,
              torch::kFloat32);
    ASSERT_EQ(warnings.texts.size(), 1U);
    EXPECT_NE(warnings.texts[0].find("288 x 96"), std::string::npos);
  }
}

TEST(TrustedPrecision, WhatIsRightOrNotBf16OnTheProcessorStays) {
  Warnings warnings;
  EXPECT_EQ(trusted_precision(kBf16, 8, 8, warnings, always(0.003)).precision, torch::kBFloat16);
  const Engine gpu{torch::kCUDA, torch::kBFloat16}, exact{torch::kCPU, torch::kFloat32};
  EXPECT_EQ(trusted_precision(gpu, 8, 8, warnings, always(1)).precision, torch::kBFloat16);
  EXPECT_EQ(trusted_precision(exact, 8, 8, warnings, always(1)).precision, torch::kFloat32);
  EXPECT_TRUE(warnings.texts.empty());
}

TEST(TrustedPrecision, ATrainingThatBf16WouldSpoilIsThatOfFloat32) {
  constexpr int64_t kSide = 288;
  if (bf16_kernel_gradient_error(kSide, kSide) <= 0.02) {
    GTEST_SKIP() << "this processor's bf16 gradients are right at 288 x 288";
  }
  const ScratchFolder folder;
  const PreparedSet set = made_up_set(folder, {1, 3, 1, kSide});
  const auto trained = [&](const Engine& engine, const std::string& name) {
    TrainJob job;
    at::manual_seed(1);
    job.model = UNet(UNetOptions{.widths = {4, 4}}).ptr();
    job.loss = [](const torch::Tensor& logits, const torch::Tensor& target) {
      return dice_loss(logits, target);
    };
    job.options.epochs = 1;
    job.set = &set;
    job.split = {{{0, 0}}, {{1, 0}}, {{2, 0}}};
    job.engine = engine;
    job.run = folder / name;
    std::filesystem::create_directories(job.run);
    Warnings warnings;
    train(job, warnings);
    EXPECT_EQ(warnings.texts.size(), engine.precision == torch::kFloat32 ? 0U : 1U);
    return read_safetensors(job.run / "weights.safetensors").tensors;
  };
  const auto exact = trained({}, "fp32"), found = trained(kBf16, "bf16");
  for (const auto& [name, tensor] : exact)
    EXPECT_TRUE(torch::equal(tensor, found.at(name))) << name;
}

}  // namespace
}  // namespace groundglass
