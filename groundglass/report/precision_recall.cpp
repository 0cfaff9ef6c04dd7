#include "groundglass/report/precision_recall.h"

#include <cmath>

#include <opencv2/imgproc.hpp>

#include "groundglass/core/text.h"

namespace groundglass {
namespace {

const cv::Scalar kInk(40, 40, 40), kFaint(225, 225, 225);
const cv::Scalar kColours[] = {{60, 110, 200}, {215, 120, 40}, {60, 150, 90},  {150, 70, 170},
                               {190, 50, 60},  {90, 90, 90},   {30, 160, 170}, {170, 150, 40}};
constexpr int kLeft = 70, kTop = 50, kSide = 420;

void write_text(cv::Mat& canvas, const std::string& text, cv::Point at, double size,
                const cv::Scalar& colour) {
  cv::putText(canvas, text, at, cv::FONT_HERSHEY_SIMPLEX, size, colour, 1, cv::LINE_AA);
}

cv::Point place(double recall, double precision) {
  return {kLeft + static_cast<int>(std::lround(recall * kSide)),
          kTop + kSide - static_cast<int>(std::lround(precision * kSide))};
}

void draw_axes(cv::Mat& canvas, const std::string& title) {
  for (int tick = 0; tick <= 5; ++tick) {
    const double at = tick / 5.0;
    cv::line(canvas, place(0, at), place(1, at), kFaint);
    cv::line(canvas, place(at, 0), place(at, 1), kFaint);
    write_text(canvas, fixed(at, 1), {kLeft - 36, place(0, at).y + 5}, 0.42, kInk);
    write_text(canvas, fixed(at, 1), {place(at, 0).x - 10, kTop + kSide + 20}, 0.42, kInk);
  }
  write_text(canvas, title, {kLeft, 28}, 0.55, kInk);
  write_text(canvas, "recall", {kLeft + kSide / 2 - 20, kTop + kSide + 42}, 0.48, kInk);
  write_text(canvas, "precision", {4, kTop - 10}, 0.42, kInk);
}

}  // namespace

torch::Tensor precision_recall_figure(const std::string& title,
                                      const std::vector<NamedCurve>& curves) {
  cv::Mat canvas(kTop + kSide + 60, kLeft + kSide + 430, CV_8UC3, cv::Scalar(255, 255, 255));
  draw_axes(canvas, title);
  for (size_t c = 0; c < std::min(curves.size(), std::size(kColours)); ++c) {
    const auto& points = curves[c].points;
    for (size_t i = 0; i < points.size(); ++i) {
      const auto here = place(points[i].recall, points[i].precision);
      const auto before = i == 0 ? place(0, points[i].precision)
                                 : place(points[i - 1].recall, points[i - 1].precision);
      cv::line(canvas, before, here, kColours[c], 2, cv::LINE_AA);
    }
    const auto mean = average_precision(points);
    write_text(canvas, curves[c].name + (mean ? ", AP " + fixed(*mean, 3) : ", no positive"),
               {kLeft + kSide + 16, kTop + 20 + 24 * static_cast<int>(c)}, 0.46, kColours[c]);
  }
  return torch::from_blob(canvas.data, {canvas.rows, canvas.cols, 3}, torch::kUInt8)
      .permute({2, 0, 1})
      .contiguous();
}

}  // namespace groundglass
