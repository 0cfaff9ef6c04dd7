#include <gtest/gtest.h>

#include "groundglass/core/task.h"
#include "tests/predict/bright_is_lesion.h"

namespace groundglass {
namespace {

/// The same with another temperature and threshold.
Segmenter tempered(double temperature, double threshold) {
  SegmenterOptions options = bright_segmenter(32).options();
  options.temperature = temperature;
  options.threshold = threshold;
  return Segmenter(options);
}

/// A gray ramp, larger than the network's grid.
Image ramp() {
  Image image;
  image.pixels =
      torch::linspace(90, 160, 48).expand({1, 64, 48}).round().to(torch::kUInt8).contiguous();
  return image;
}

TEST(SegmenterTemperature, LeavesLabelsAndMovesProbabilitiesWithTheThreshold) {
  for (const double threshold : {0.2, 0.5, 0.9}) {
    const auto plain = tempered(1, threshold).segment({ramp()}).front();
    for (const double t : {0.5, 4.0}) {
      const auto moved = tempered(t, threshold).segment({ramp()}).front();
      EXPECT_TRUE(moved.labels.equal(plain.labels)) << t;
      EXPECT_FALSE(moved.probability.equal(plain.probability)) << t;
      EXPECT_DOUBLE_EQ(moved.highest, plain.highest);
      EXPECT_EQ(moved.probability.sizes(), plain.probability.sizes());
      const auto again = labels(moved.probability.unsqueeze(0), at_temperature(threshold, t));
      EXPECT_TRUE(again.squeeze(0).equal(plain.labels)) << t << " " << threshold;
    }
  }
}

}  // namespace
}  // namespace groundglass
