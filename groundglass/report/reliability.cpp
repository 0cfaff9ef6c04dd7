#include "groundglass/report/reliability.h"

#include "groundglass/report/canvas.h"

namespace groundglass {
namespace {

const cv::Scalar kGray(170, 170, 170);
const cv::Scalar kPanelColours[] = {{215, 120, 40}, {60, 110, 200}, {60, 150, 90}};
constexpr UnitAxes kPanelAxes{.side = 340};
constexpr int kStripTop = kPanelAxes.top + kPanelAxes.side + 40, kStrip = 90;
constexpr int kPanelWidth = kPanelAxes.left + kPanelAxes.side + 30,
              kHeight = kStripTop + kStrip + 50;

void draw_axes(cv::Mat& panel, const std::string& title, const std::string& axis) {
  kPanelAxes.draw(panel);
  cv::line(panel, kPanelAxes.place(0, 0), kPanelAxes.place(1, 1), kGray, 1, cv::LINE_AA);
  write_text(panel, title, {kPanelAxes.left, 20}, 0.5, kInk);
  write_text(panel, "share that came true", {kPanelAxes.left - 60, kPanelAxes.top - 10}, 0.42,
             kInk);
  write_text(panel, axis, {kPanelAxes.left + 40, kHeight - 10}, 0.45, kInk);
}

void draw_curve(cv::Mat& panel, const ReliabilityCurve& curve, const cv::Scalar& colour) {
  cv::Point before(-1, -1);
  for (const auto& point : curve.points) {
    if (point.count == 0) continue;
    const auto here = kPanelAxes.place(point.probability, point.share);
    if (before.x >= 0) cv::line(panel, before, here, colour, 2, cv::LINE_AA);
    cv::circle(panel, here, 3, colour, cv::FILLED, cv::LINE_AA);
    before = here;
  }
}

/// Height of a bar for so many pixels: each power of ten is as high as the next.
int bar_height(int64_t count, int64_t most) {
  if (count == 0) return 0;
  const double share =
      std::log10(1.0 + static_cast<double>(count)) / std::log10(1.0 + static_cast<double>(most));
  return std::max(1, static_cast<int>(std::lround(share * kStrip)));
}

void draw_strip(cv::Mat& panel, const std::vector<ReliabilityCurve>& curves) {
  int64_t most = 1;
  for (const auto& curve : curves) {
    for (const auto& point : curve.points) most = std::max(most, point.count);
  }
  const int bottom = kStripTop + kStrip;
  for (int64_t ten = 1; ten <= most; ten *= 10) {
    const int y = bottom - bar_height(ten, most);
    cv::line(panel, {kPanelAxes.left, y}, {kPanelAxes.left + kPanelAxes.side, y}, kFaint);
  }
  write_text(panel, std::to_string(most), {2, kStripTop + 5}, 0.36, kInk);
  write_text(panel, "pixels", {2, kStripTop + 20}, 0.36, kInk);
  for (size_t c = 0; c < curves.size(); ++c) {
    const auto bins = static_cast<double>(curves[c].points.size());
    const double width = kPanelAxes.side / bins,
                 part = width / static_cast<double>(curves.size() + 1);
    for (size_t m = 0; m < curves[c].points.size(); ++m) {
      const int height = bar_height(curves[c].points[m].count, most);
      if (height == 0) continue;
      const int left =
          kPanelAxes.left + static_cast<int>(std::lround(width * static_cast<double>(m) +
                                                         part * (static_cast<double>(c) + 0.5)));
      cv::rectangle(panel, {left, bottom - height},
                    {left + std::max(1, static_cast<int>(part) - 1), bottom}, kPanelColours[c],
                    cv::FILLED);
    }
  }
  cv::line(panel, {kPanelAxes.left, bottom}, {kPanelAxes.left + kPanelAxes.side, bottom}, kInk);
}

}  // namespace

torch::Tensor reliability_figure(const std::string& axis,
                                 const std::vector<ReliabilityPanel>& panels) {
  const int width = kPanelWidth * static_cast<int>(panels.size());
  cv::Mat canvas(kHeight, width, CV_8UC3, cv::Scalar(255, 255, 255));
  for (size_t i = 0; i < panels.size(); ++i) {
    cv::Mat panel =
        canvas.colRange(kPanelWidth * static_cast<int>(i), kPanelWidth * static_cast<int>(i + 1));
    draw_axes(panel, panels[i].title, axis);
    auto curves = panels[i].curves;
    curves.resize(std::min(curves.size(), std::size(kPanelColours)));
    draw_strip(panel, curves);
    for (size_t c = 0; c < curves.size(); ++c) {
      draw_curve(panel, curves[c], kPanelColours[c]);
      write_text(panel, curves[c].name,
                 {kPanelAxes.left + 10, kPanelAxes.top + 18 + 20 * static_cast<int>(c)}, 0.44,
                 kPanelColours[c]);
    }
  }
  return to_tensor(canvas);
}

}  // namespace groundglass
