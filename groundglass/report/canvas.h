#pragma once

// How the figures of this room draw; for its sources only.
#include <cmath>
#include <string>

#include <torch/types.h>
#include <opencv2/imgproc.hpp>

#include "groundglass/core/text.h"

namespace groundglass {

inline const cv::Scalar kInk(40, 40, 40), kFaint(225, 225, 225);

inline void write_text(cv::Mat& canvas, const std::string& text, cv::Point at, double size,
                       const cv::Scalar& colour) {
  cv::putText(canvas, text, at, cv::FONT_HERSHEY_SIMPLEX, size, colour, 1, cv::LINE_AA);
}

/// [3,H,W] uint8, a copy.
inline torch::Tensor to_tensor(const cv::Mat& rgb) {
  return torch::from_blob(rgb.data, {rgb.rows, rgb.cols, 3}, torch::kUInt8)
      .permute({2, 0, 1})
      .contiguous();
}

/// A square in which both axes run from 0 to 1. In pixels of the canvas.
struct UnitAxes {
  int left = 70, top = 50, side = 0;

  cv::Point place(double x, double y) const {
    return {left + static_cast<int>(std::lround(x * side)),
            top + side - static_cast<int>(std::lround(y * side))};
  }
  /// Lines and numbers at each fifth.
  void draw(cv::Mat& canvas) const {
    for (int tick = 0; tick <= 5; ++tick) {
      const double at = tick / 5.0;
      cv::line(canvas, place(0, at), place(1, at), kFaint);
      cv::line(canvas, place(at, 0), place(at, 1), kFaint);
      write_text(canvas, fixed(at, 1), {left - 36, place(0, at).y + 5}, 0.42, kInk);
      write_text(canvas, fixed(at, 1), {place(at, 0).x - 10, top + side + 20}, 0.42, kInk);
    }
  }
};

}  // namespace groundglass
