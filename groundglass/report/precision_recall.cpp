#include "groundglass/report/precision_recall.h"

#include "groundglass/report/canvas.h"

namespace groundglass {
namespace {

const cv::Scalar kCurveColours[] = {{60, 110, 200}, {215, 120, 40}, {60, 150, 90},  {150, 70, 170},
                                    {190, 50, 60},  {90, 90, 90},   {30, 160, 170}, {170, 150, 40}};
constexpr UnitAxes kPrAxes{.side = 420};

void draw_axes(cv::Mat& canvas, const std::string& title) {
  kPrAxes.draw(canvas);
  write_text(canvas, title, {kPrAxes.left, 28}, 0.55, kInk);
  write_text(canvas, "recall",
             {kPrAxes.left + kPrAxes.side / 2 - 20, kPrAxes.top + kPrAxes.side + 42}, 0.48, kInk);
  write_text(canvas, "precision", {4, kPrAxes.top - 10}, 0.42, kInk);
}

}  // namespace

torch::Tensor precision_recall_figure(const std::string& title,
                                      const std::vector<NamedCurve>& curves) {
  cv::Mat canvas(kPrAxes.top + kPrAxes.side + 60, kPrAxes.left + kPrAxes.side + 430, CV_8UC3,
                 cv::Scalar(255, 255, 255));
  draw_axes(canvas, title);
  for (size_t c = 0; c < std::min(curves.size(), std::size(kCurveColours)); ++c) {
    const auto& points = curves[c].points;
    for (size_t i = 0; i < points.size(); ++i) {
      const auto here = kPrAxes.place(points[i].recall, points[i].precision);
      const auto before = i == 0 ? kPrAxes.place(0, points[i].precision)
                                 : kPrAxes.place(points[i - 1].recall, points[i - 1].precision);
      cv::line(canvas, before, here, kCurveColours[c], 2, cv::LINE_AA);
    }
    const auto mean = average_precision(points);
    write_text(canvas, curves[c].name + (mean ? ", AP " + fixed(*mean, 3) : ", no positive"),
               {kPrAxes.left + kPrAxes.side + 16, kPrAxes.top + 20 + 24 * static_cast<int>(c)},
               0.46, kCurveColours[c]);
  }
  return to_tensor(canvas);
}

}  // namespace groundglass
