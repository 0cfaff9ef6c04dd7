#include <gtest/gtest.h>

#include "groundglass/metrics/temperature.h"
#include "tests/complaint.h"
#include "tests/metrics/made_up_pixels.h"

namespace groundglass {
namespace {

double fitted(const PixelLogits& pixels) {
  return fit_temperature([&](const PixelVisitor& visit) { visit(pixels); });
}

double likelihood_at(const PixelLogits& pixels, double temperature) {
  return *negative_log_likelihood(calibration_sums(pixels, temperature));
}

TEST(FitTemperature, FindsWhatGoldenSectionsInNumPyFind) {
  EXPECT_NEAR(fitted(sigmoid_pixels(500)), 1.99278934, 1e-6);
  EXPECT_NEAR(fitted(softmax_pixels(400)), 0.63198781, 1e-6);
}

TEST(FitTemperature, IsLowerThanAllOfAFineGrid) {
  const auto pixels = softmax_pixels(300);
  const double best = likelihood_at(pixels, fitted(pixels));
  for (int i = -100; i <= 100; ++i) {
    EXPECT_LE(best, likelihood_at(pixels, std::exp(i * 0.028)) + 1e-12) << i;
  }
}

TEST(FitTemperature, GrowsWithTheLogits) {
  const auto pixels = sigmoid_pixels(500);
  const double once = fitted(pixels);
  EXPECT_NEAR(fitted({3 * pixels.logits, pixels.truth}) / once, 3, 1e-6);
  EXPECT_NEAR(fitted({pixels.logits / 4, pixels.truth}) / once, 0.25, 1e-6);
}

TEST(FitTemperature, IsOneWhereLogitsAreWhatHappens) {
  // The standard error of T over 20 000 such pixels is about 0.01.
  EXPECT_NEAR(fitted(sigmoid_pixels(20000, 1)), 1, 0.04);
}

TEST(FitTemperature, IsTheSameInParts) {
  const auto pixels = sigmoid_pixels(500);
  int64_t walks = 0;
  const double parts = fit_temperature([&](const PixelVisitor& visit) {
    ++walks;
    for (const auto& [from, n] : {std::pair<int64_t, int64_t>{0, 200}, {200, 0}, {200, 300}}) {
      visit({pixels.logits.narrow(0, from, n), pixels.truth.narrow(0, from, n)});
    }
  });
  EXPECT_NEAR(parts, fitted(pixels), 1e-9);
  EXPECT_EQ(walks, 3);
}

TEST(FitTemperature, SaysWhyThereIsNone) {
  const auto refused = [](const PixelLogits& pixels) {
    return complaint(ErrorKind::data, [&] { fitted(pixels); });
  };
  const auto pixels = sigmoid_pixels(50);
  const auto& z = pixels.logits;
  const auto truth = pixels.truth;
  EXPECT_TRUE(says(refused({z, torch::zeros_like(truth)}), {"every pixel is background"}));
  EXPECT_TRUE(says(refused({z, torch::ones_like(truth)}), {"every pixel is infected"}));
  EXPECT_TRUE(says(refused({z.narrow(0, 0, 0), truth.narrow(0, 0, 0)}), {"no pixel"}));
  EXPECT_TRUE(says(refused({z * std::nan(""), truth}), {"not finite"}));
  const auto right = z.argmax(1);
  EXPECT_TRUE(says(refused({z, right}), {"hardly ever wrong", "0.05"}));
  EXPECT_TRUE(says(refused({z, 1 - right}), {"so often wrong", "20"}));
}

}  // namespace
}  // namespace groundglass
