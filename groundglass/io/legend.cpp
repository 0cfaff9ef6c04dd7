#include "groundglass/io/legend.h"

#include <opencv2/imgproc.hpp>

#include "groundglass/io/paint.h"

namespace groundglass {
namespace {

constexpr int kSquare = 12, kGap = 4, kLine = static_cast<int>(kLegendLine);
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kSize = 0.42;

/// Where an entry begins.
struct Place {
  int left = 0, line = 0;
};

/// Entries side by side, on the next line where they would leave the picture.
std::vector<Place> places(const std::vector<std::string>& names, int width) {
  std::vector<Place> out;
  Place at{kGap, 0};
  for (const auto& name : names) {
    int below = 0;
    const int wide = kSquare + 3 * kGap + cv::getTextSize(name, kFont, kSize, 1, &below).width;
    if (at.left > kGap && at.left + wide > width) at = {kGap, at.line + 1};
    out.push_back(at);
    at.left += wide;
  }
  return out;
}

}  // namespace

torch::Tensor with_legend(const torch::Tensor& rgb, const std::vector<std::string>& names) {
  if (names.empty()) return rgb;
  const auto where = places(names, static_cast<int>(rgb.size(2)));
  cv::Mat bar((where.back().line + 1) * kLine, static_cast<int>(rgb.size(2)), CV_8UC3,
              cv::Scalar(255, 255, 255));
  for (size_t i = 0; i < names.size(); ++i) {
    const auto c = class_colour(static_cast<int64_t>(i) + 1);
    const int top = where[i].line * kLine + kGap, left = where[i].left;
    cv::rectangle(bar, {left, top, kSquare, kSquare}, cv::Scalar(c[0], c[1], c[2]), cv::FILLED);
    cv::putText(bar, names[i], {left + kSquare + kGap, top + kSquare - 2}, kFont, kSize,
                cv::Scalar(40, 40, 40), 1, cv::LINE_AA);
  }
  const auto below = torch::from_blob(bar.data, {bar.rows, bar.cols, 3}, torch::kUInt8)
                         .permute({2, 0, 1})
                         .contiguous();
  return torch::cat({rgb, below}, 1);
}

}  // namespace groundglass
