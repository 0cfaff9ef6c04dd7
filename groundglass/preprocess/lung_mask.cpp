#include "groundglass/preprocess/lung_mask.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace groundglass {
namespace {

constexpr double kAirHu = -320;

torch::Tensor coarse(const torch::Tensor& slice) {
  const int64_t c = LungEstimator::kCoarseness;
  return torch::avg_pool2d(slice.to(torch::kFloat32).unsqueeze(0).unsqueeze(0), {c, c}, {c, c},
                           {0, 0}, true, false)
      .squeeze(0)
      .squeeze(0);
}

/// 3-D pieces of a mask: for each voxel the number of its piece (0 outside), and their sizes.
struct Pieces {
  std::vector<int32_t> piece;
  std::vector<int64_t> size = {0};
  std::vector<bool> at_border = {true};
};

Pieces connected_pieces(const torch::Tensor& mask) {
  const int64_t d = mask.size(0), h = mask.size(1), w = mask.size(2);
  const uint8_t* inside = mask.data_ptr<uint8_t>();
  Pieces out;
  out.piece.assign(static_cast<size_t>(d * h * w), 0);
  std::vector<int64_t> stack;
  for (int64_t seed = 0; seed < d * h * w; ++seed) {
    if (inside[seed] == 0 || out.piece[static_cast<size_t>(seed)] != 0) continue;
    const auto number = static_cast<int32_t>(out.size.size());
    out.size.push_back(0);
    out.at_border.push_back(false);
    stack = {seed};
    out.piece[static_cast<size_t>(seed)] = number;
    while (!stack.empty()) {
      const int64_t at = stack.back();
      stack.pop_back();
      ++out.size.back();
      const int64_t x = at % w, y = at / w % h, z = at / (w * h);
      if (x == 0 || y == 0 || x == w - 1 || y == h - 1) out.at_border.back() = true;
      const auto visit = [&](bool exists, int64_t next) {
        if (!exists || inside[next] == 0 || out.piece[static_cast<size_t>(next)] != 0) return;
        out.piece[static_cast<size_t>(next)] = number;
        stack.push_back(next);
      };
      visit(x > 0, at - 1);
      visit(x < w - 1, at + 1);
      visit(y > 0, at - w);
      visit(y < h - 1, at + w);
      visit(z > 0, at - w * h);
      visit(z < d - 1, at + w * h);
    }
  }
  return out;
}

/// Closes gaps up to the radius and fills what is enclosed, in one slice.
void close_and_fill(torch::Tensor slice, double pixel_mm) {
  constexpr double kCloseMm = 8;
  cv::Mat mask(static_cast<int>(slice.size(0)), static_cast<int>(slice.size(1)), CV_8U,
               slice.data_ptr());
  if (cv::countNonZero(mask) == 0) return;
  const int r = std::max(1, static_cast<int>(std::lround(kCloseMm / pixel_mm)));
  const cv::Mat disc = cv::getStructuringElement(cv::MORPH_ELLIPSE, {2 * r + 1, 2 * r + 1});
  cv::morphologyEx(mask, mask, cv::MORPH_CLOSE, disc, {-1, -1}, 1, cv::BORDER_CONSTANT, 0);
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(mask.clone(), outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  cv::drawContours(mask, outlines, -1, 1, cv::FILLED);
}

}  // namespace

void LungEstimator::add_slice(const torch::Tensor& hu, const torch::Tensor& lesions) {
  air_.push_back((coarse(hu) < kAirHu).to(torch::kUInt8).contiguous());
  lesions_.push_back((coarse(lesions != 0) >= 0.5).to(torch::kUInt8).contiguous());
}

LungEstimate LungEstimator::finish(const Geometry& geometry) const {
  LungEstimate out;
  if (air_.empty()) return out;
  const double voxel_ml = voxel_mm3(geometry) * kCoarseness * kCoarseness / 1000;
  const auto air = torch::stack(air_).contiguous();
  const Pieces pieces = connected_pieces(air);
  int64_t largest = 0;
  for (size_t i = 1; i < pieces.size.size(); ++i) {
    if (!pieces.at_border[i]) largest = std::max(largest, pieces.size[i]);
  }
  // A lone slice is thin: the bound in millilitres is for volumes.
  const double least_ml = air_.size() > 4 ? 20 : 0.2;
  const auto keep = [&](size_t i) {
    return !pieces.at_border[i] && pieces.size[i] * 20 >= largest &&
           static_cast<double>(pieces.size[i]) * voxel_ml >= least_ml;
  };
  out.lungs = torch::zeros_like(air);
  uint8_t* lungs = out.lungs.data_ptr<uint8_t>();
  for (size_t at = 0; at < pieces.piece.size(); ++at) {
    lungs[at] = keep(static_cast<size_t>(pieces.piece[at])) ? 1 : 0;
    out.found = out.found || lungs[at] != 0;
  }
  for (int64_t z = 0; z < out.lungs.size(0); ++z) {
    close_and_fill(out.lungs[z], geometry.spacing_mm[0] * kCoarseness);
  }
  const auto whole = out.lungs | torch::stack(lesions_);
  out.lung_ml = whole.sum().item<double>() * voxel_ml;
  return out;
}

}  // namespace groundglass
