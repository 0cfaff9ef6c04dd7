#include "groundglass/report/study_findings.h"

#include <algorithm>
#include <numeric>

#include <opencv2/imgproc.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/paint.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/report/canvas.h"

namespace groundglass {
namespace {

constexpr double kLungLowHu = -1350, kLungHighHu = 150;  ///< the usual lung window, 1500 about -600

torch::Tensor shown_gray(const torch::Tensor& plane, Units units, double white) {
  if (units == Units::hu) return window_hu(plane.to(torch::kFloat32), kLungLowHu, kLungHighHu);
  return (plane.to(torch::kFloat32) * (255 / white)).clamp(0, 255).to(torch::kUInt8);
}

/// The slice along `axis` with most lesion.
int64_t fullest(const torch::Tensor& lesion, int64_t axis) {
  std::vector<int64_t> others = {0, 1, 2};
  others.erase(others.begin() + axis);
  return lesion.sum(others, false, torch::kInt64).argmax().item<int64_t>();
}

/// The axial slices with most lesion, no two closer than a tenth of the lesion's extent, so that
/// they do not all show the same place.
std::vector<int64_t> fullest_axial(const std::vector<int64_t>& counts, int64_t most) {
  std::vector<int64_t> order(counts.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
  });
  const auto with_lesion = static_cast<int64_t>(
      std::count_if(counts.begin(), counts.end(), [](int64_t n) { return n > 0; }));
  const int64_t apart = std::max<int64_t>(1, with_lesion / 10);
  std::vector<int64_t> kept;
  for (const int64_t k : order) {
    if (counts[static_cast<size_t>(k)] == 0 || static_cast<int64_t>(kept.size()) == most) break;
    const auto near = [&](int64_t other) { return std::abs(other - k) < apart; };
    if (std::none_of(kept.begin(), kept.end(), near)) kept.push_back(k);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

/// The picture with the side of the patient that lies at its left edge.
torch::Tensor with_side(const torch::Tensor& rgb, const char* side) {
  auto pixels = rgb.permute({1, 2, 0}).contiguous();
  cv::Mat canvas(static_cast<int>(pixels.size(0)), static_cast<int>(pixels.size(1)), CV_8UC3,
                 pixels.data_ptr<uint8_t>());
  write_text(canvas, side, {4, canvas.rows / 2 + 6}, std::max(0.6, canvas.cols / 640.0),
             {255, 255, 255});
  return to_tensor(canvas);
}

/// A plane as it is drawn: stretched to pixels as wide as high, with its labels.
torch::Tensor drawn(const torch::Tensor& gray, const torch::Tensor& labels, double row_mm,
                    double column_mm) {
  constexpr double kLeast = 360;  // pixels of the longer side, so that small grids can be seen
  const double high_mm = static_cast<double>(gray.size(0)) * row_mm,
               wide_mm = static_cast<double>(gray.size(1)) * column_mm;
  const double pixel_mm = std::min({row_mm, column_mm, std::max(high_mm, wide_mm) / kLeast});
  const auto rows = static_cast<int64_t>(std::lround(high_mm / pixel_mm));
  const auto columns = static_cast<int64_t>(std::lround(wide_mm / pixel_mm));
  const auto batch = [](const torch::Tensor& t) {
    return t.to(torch::kFloat32).unsqueeze(0).unsqueeze(0);
  };
  const auto wide_gray = torch::upsample_bilinear2d(batch(gray), {rows, columns}, false)[0][0];
  const auto wide_labels = torch::upsample_nearest2d(batch(labels), {rows, columns})[0][0];
  return overlay(wide_gray.round().to(torch::kUInt8), wide_labels.to(torch::kUInt8));
}

}  // namespace

StudyFindings study_findings(AxialSource& volume, const torch::Tensor& stored_mask,
                             int64_t axial_slices) {
  const auto& info = volume.info();
  if (stored_mask.sizes() != torch::IntArrayRef({info.depth, info.height, info.width})) {
    fail(ErrorKind::data, volume.reader().path().string() + ": is [" + std::to_string(info.depth) +
                              ", " + std::to_string(info.height) + ", " +
                              std::to_string(info.width) + "], its mask " +
                              shape_text(stored_mask) + "; expected one size");
  }
  const auto mask = volume.view().apply(stored_mask).contiguous();
  std::vector<torch::Tensor> slices;
  for (int64_t k = 0; k < volume.depth(); ++k) slices.push_back(volume.read(k).pixels[0]);
  const auto voxels = torch::stack(slices);
  slices.clear();
  const Geometry grid = volume.geometry();
  const bool in_hu = info.units == Units::hu;
  const bool head_is_last = grid.direction[8] > 0;

  StudyFindings findings;
  findings.burden_in_ml = in_hu;
  findings.slice_distance_mm = grid.spacing_mm[2];
  const auto lesion = mask > 0;
  const auto per_slice = lesion.sum({1, 2}, false, torch::kInt64);
  const std::vector<int64_t> counts(per_slice.data_ptr<int64_t>(),
                                    per_slice.data_ptr<int64_t>() + per_slice.size(0));
  const double unit = in_hu ? voxel_mm3(grid) / 1000 : 1;
  for (const int64_t count : counts) findings.burden.push_back(static_cast<double>(count) * unit);
  if (head_is_last) std::reverse(findings.burden.begin(), findings.burden.end());
  findings.voxel_ml = in_hu ? unit : 0;
  findings.lesions = lesion_pieces(mask, {grid, in_hu ? voxels : torch::Tensor(), kSmallestLesion});
  if (per_slice.sum().item<int64_t>() == 0) return findings;

  const double x_mm = grid.spacing_mm[0], y_mm = grid.spacing_mm[1], z_mm = grid.spacing_mm[2];
  const auto gray = [&](const torch::Tensor& plane) {
    return shown_gray(plane, info.units, info.white);
  };
  for (const int64_t k : fullest_axial(counts, axial_slices)) {
    findings.slices.push_back(
        {Plane::axial, k, with_side(drawn(gray(voxels[k]), mask[k], y_mm, x_mm), "R")});
  }
  // Heads are drawn above.
  const auto head_up = [&](const torch::Tensor& plane) {
    return head_is_last ? plane.flip(0) : plane;
  };
  const int64_t j = fullest(lesion, 1), i = fullest(lesion, 2);
  findings.slices.push_back(
      {Plane::coronal, j,
       with_side(drawn(head_up(gray(voxels.select(1, j))), head_up(mask.select(1, j)), z_mm, x_mm),
                 "R")});
  findings.slices.push_back(
      {Plane::sagittal, i,
       with_side(drawn(head_up(gray(voxels.select(2, i))), head_up(mask.select(2, i)), z_mm, y_mm),
                 "A")});
  return findings;
}

torch::Tensor burden_figure(const StudyFindings& findings) {
  constexpr int kWidth = 900, kHeight = 260, kLeft = 70, kRight = 20, kTop = 30, kBottom = 50;
  cv::Mat canvas(kHeight, kWidth, CV_8UC3, cv::Scalar(255, 255, 255));
  const int width = kWidth - kLeft - kRight, height = kHeight - kTop - kBottom;
  const auto n = static_cast<int>(findings.burden.size());
  const double most =
      std::max(1e-9, *std::max_element(findings.burden.begin(), findings.burden.end()));
  const auto place = [&](int k, double value) {
    return cv::Point(kLeft + static_cast<int>(std::lround(n > 1 ? k * width / (n - 1.0) : 0)),
                     kTop + height - static_cast<int>(std::lround(value / most * height)));
  };
  for (int tick = 0; tick <= 4; ++tick) {
    const double value = most * tick / 4;
    cv::line(canvas, place(0, value), {kLeft + width, place(0, value).y}, kFaint);
    write_text(canvas, fixed(value, findings.burden_in_ml ? 1 : 0), {8, place(0, value).y + 5},
               0.42, kInk);
  }
  std::vector<cv::Point> area = {{kLeft, kTop + height}};
  for (int k = 0; k < n; ++k) area.push_back(place(k, findings.burden[static_cast<size_t>(k)]));
  area.emplace_back(area.back().x, kTop + height);
  cv::fillPoly(canvas, std::vector<std::vector<cv::Point>>{area}, cv::Scalar(250, 190, 190));
  area.erase(area.begin());
  area.pop_back();
  cv::polylines(canvas, area, false, cv::Scalar(200, 30, 30), 2, cv::LINE_AA);
  write_text(canvas,
             findings.burden_in_ml ? "lesion, ml in each slice" : "lesion, voxels in each slice",
             {kLeft, 18}, 0.45, kInk);
  write_text(canvas, "head", {kLeft, kHeight - 26}, 0.45, kInk);
  write_text(canvas, "feet", {kWidth - kRight - 34, kHeight - 26}, 0.45, kInk);
  write_text(canvas,
             std::to_string(n) + " slices, " + fixed(findings.slice_distance_mm, 2) + " mm apart",
             {kLeft + width / 2 - 90, kHeight - 26}, 0.45, kInk);
  return to_tensor(canvas);
}

}  // namespace groundglass
