#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "groundglass/core/clock.h"
#include "groundglass/preprocess/disc.h"

namespace groundglass {
namespace {

torch::Tensor by_opencv(const torch::Tensor& mask, int radius, Beyond beyond) {
  auto out = mask.clone();
  cv::Mat mat(static_cast<int>(mask.size(0)), static_cast<int>(mask.size(1)), CV_8U,
              out.data_ptr());
  const auto disc = cv::getStructuringElement(cv::MORPH_ELLIPSE, {2 * radius + 1, 2 * radius + 1});
  if (beyond == Beyond::mask) {
    cv::morphologyEx(mat, mat, cv::MORPH_CLOSE, disc);
  } else {
    cv::morphologyEx(mat, mat, cv::MORPH_CLOSE, disc, {-1, -1}, 1, cv::BORDER_CONSTANT, 0);
  }
  return out;
}

TEST(Disc, ClosesAsOpenCvDoes) {
  torch::manual_seed(3);
  for (const auto& [height, width] :
       {std::pair<int64_t, int64_t>{1, 1}, {1, 30}, {40, 57}, {90, 64}}) {
    for (const int radius : {1, 2, 3, 5, 13, 40}) {
      for (const double share : {0.002, 0.05, 0.5}) {
        const auto mask = (torch::rand({height, width}) < share).to(torch::kUInt8);
        for (const Beyond beyond : {Beyond::mask, Beyond::nothing}) {
          EXPECT_TRUE(
              torch::equal(closed_by_disc(mask, radius, beyond), by_opencv(mask, radius, beyond)))
              << height << " x " << width << ", radius " << radius << ", " << share;
        }
      }
    }
  }
}

TEST(Disc, CostsTheSameForEveryRadius) {
  const auto mask = (torch::rand({1000, 1000}) < 0.2).to(torch::kUInt8);
  const auto seconds = [&](int64_t radius) {
    double best = 1e9;
    for (int i = 0; i < 3; ++i) {
      const double begin = now_s();
      closed_by_disc(mask, radius, Beyond::mask);
      best = std::min(best, now_s() - begin);
    }
    return best;
  };
  EXPECT_LT(seconds(100), 4 * seconds(5));
}

}  // namespace
}  // namespace groundglass
