#include "groundglass/preprocess/lung_mask.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "groundglass/preprocess/disc.h"

namespace groundglass {
namespace {

constexpr double kAirHu = -320;
constexpr double kCloseMm = 8;

torch::Tensor coarse(const torch::Tensor& slice) {
  const int64_t c = LungEstimator::kCoarseness;
  return torch::avg_pool2d(slice.to(torch::kFloat32).unsqueeze(0).unsqueeze(0), {c, c}, {c, c},
                           {0, 0}, true, false)
      .squeeze(0)
      .squeeze(0);
}

void append(const torch::Tensor& mask, std::vector<bool>& bits) {
  const auto flat = mask.contiguous();
  const bool* first = flat.data_ptr<bool>();
  bits.insert(bits.end(), first, first + flat.numel());
}

/// Connected pieces of air in one slice, numbered from 1; the same slice gives the same numbers.
cv::Mat numbered_pieces(std::vector<bool>::const_iterator air, int64_t height, int64_t width) {
  cv::Mat mask(static_cast<int>(height), static_cast<int>(width), CV_8U), pieces;
  std::copy_n(air, height * width, mask.ptr<uint8_t>());
  cv::connectedComponents(mask, pieces, 4, CV_32S);
  return pieces;
}

/// Closes gaps up to the radius and fills what is enclosed.
void close_and_fill(cv::Mat& mask, double pixel_mm) {
  const int r = std::max(1, static_cast<int>(std::lround(kCloseMm / pixel_mm)));
  const auto found = torch::from_blob(mask.data, {mask.rows, mask.cols}, torch::kUInt8);
  const auto closed = closed_by_disc(found, r, Beyond::nothing);
  cv::Mat(mask.rows, mask.cols, CV_8U, closed.data_ptr()).copyTo(mask);
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(mask.clone(), outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  cv::drawContours(mask, outlines, -1, 1, cv::FILLED);
}

}  // namespace

size_t LungEstimator::root_of(size_t piece) {
  while (pieces_[piece].parent != piece) {
    pieces_[piece].parent = pieces_[pieces_[piece].parent].parent;  // halves the way of the next
    piece = pieces_[piece].parent;
  }
  return piece;
}

void LungEstimator::join(size_t a, size_t b) {
  a = root_of(a);
  b = root_of(b);
  if (a == b) return;
  pieces_[b].parent = a;
  pieces_[a].voxels += pieces_[b].voxels;
  pieces_[a].at_border = pieces_[a].at_border || pieces_[b].at_border;
}

void LungEstimator::add_slice(const torch::Tensor& hu, const torch::Tensor& lesions,
                              const torch::Tensor& lesion_hu) {
  const auto air = coarse(hu) < kAirHu;
  height_ = air.size(0);
  width_ = air.size(1);
  append(air, air_);
  const auto ill = lesions != 0;
  const auto lesion_share = coarse(ill);
  append(lesion_share >= 0.5, lesions_);
  const auto measured = (lesion_hu.defined() ? lesion_hu : hu).to(torch::kFloat32);
  count_lesions(lesion_share, coarse(measured.masked_fill(ill.logical_not(), 0)));

  const cv::Mat pieces = numbered_pieces(air_.end() - height_ * width_, height_, width_);
  const size_t first = pieces_.size();
  const size_t first_below = first_piece_.empty() ? 0 : first_piece_.back();
  const int32_t* below = below_.defined() ? below_.data_ptr<int32_t>() : nullptr;
  auto numbers = torch::empty({height_, width_}, torch::kInt32);
  int32_t* number = numbers.data_ptr<int32_t>();
  for (int64_t y = 0; y < height_; ++y) {
    for (int64_t x = 0; x < width_; ++x) {
      const int64_t at = y * width_ + x;
      number[at] = pieces.at<int32_t>(static_cast<int>(y), static_cast<int>(x));
      if (number[at] == 0) continue;
      const size_t piece = first + static_cast<size_t>(number[at]) - 1;
      while (pieces_.size() <= piece) pieces_.push_back({pieces_.size(), 0, false});
      Piece& root = pieces_[root_of(piece)];
      ++root.voxels;
      if (x == 0 || y == 0 || x == width_ - 1 || y == height_ - 1) root.at_border = true;
      if (below != nullptr && below[at] != 0) {
        join(piece, first_below + static_cast<size_t>(below[at]) - 1);
      }
    }
  }
  first_piece_.push_back(first);
  below_ = numbers;
}

void LungEstimator::count_lesions(const torch::Tensor& share, const torch::Tensor& hu) {
  const auto flat = share.contiguous(), flat_hu = hu.contiguous();
  const float* first = flat.data_ptr<float>();
  const int64_t begin = static_cast<int64_t>(lesions_.size()) - flat.numel();
  for (int64_t at = 0; at < flat.numel(); ++at) {
    if (first[at] == 0) continue;
    lesion_cells_.push_back(begin + at);
    lesion_voxels_.push_back(
        static_cast<uint8_t>(std::lround(first[at] * kCoarseness * kCoarseness)));
    lesion_hu_.push_back(flat_hu.data_ptr<float>()[at] / first[at]);
  }
}

LungEstimate LungEstimator::finish(const Geometry& geometry) {
  LungEstimate out;
  const double voxel_ml = voxel_mm3(geometry) * kCoarseness * kCoarseness / 1000;
  int64_t largest = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& root = pieces_[root_of(i)];
    if (!root.at_border) largest = std::max(largest, root.voxels);
  }
  // A lone slice is thin: the bound in millilitres is for volumes.
  const double least_ml = first_piece_.size() > 4 ? 20 : 0.2;
  const auto keep = [&](size_t piece) {
    const Piece& root = pieces_[root_of(piece)];
    return !root.at_border && root.voxels * 20 >= largest &&
           static_cast<double>(root.voxels) * voxel_ml >= least_ml;
  };
  LungCells& cells = out.cells;
  cells.depth = static_cast<int64_t>(first_piece_.size());
  cells.height = height_;
  cells.width = width_;
  cells.voxels_each = kCoarseness * kCoarseness;
  cells.grid = geometry;
  for (size_t axis = 0; axis < 2; ++axis) cells.grid.spacing_mm[axis] *= kCoarseness;
  constexpr double kMiddle = (kCoarseness - 1) / 2.0;
  cells.grid.origin_mm = to_patient_mm(geometry, {kMiddle, kMiddle, 0});
  cells.lung.reserve(lesions_.size());
  cells.lesion_cells = std::move(lesion_cells_);
  cells.lesion_voxels = std::move(lesion_voxels_);
  cells.lesion_hu = std::move(lesion_hu_);
  int64_t voxels = 0;
  for (size_t z = 0; z < first_piece_.size(); ++z) {
    const int64_t begin = static_cast<int64_t>(z) * height_ * width_;
    const cv::Mat pieces = numbered_pieces(air_.begin() + begin, height_, width_);
    cv::Mat lungs(pieces.size(), CV_8U);
    for (int at = 0; at < static_cast<int>(pieces.total()); ++at) {
      const int32_t number = pieces.ptr<int32_t>()[at];
      const bool lung = number != 0 && keep(first_piece_[z] + static_cast<size_t>(number) - 1);
      lungs.ptr<uint8_t>()[at] = lung ? 1 : 0;
      out.found = out.found || lung;
    }
    close_and_fill(lungs, geometry.spacing_mm[0] * kCoarseness);
    for (int64_t at = 0; at < height_ * width_; ++at) {
      cells.lung.push_back(lungs.ptr<uint8_t>()[at] != 0 ||
                           lesions_[static_cast<size_t>(begin + at)]);
      if (cells.lung.back()) ++voxels;
    }
  }
  out.lung_ml = static_cast<double>(voxels) * voxel_ml;
  return out;
}

}  // namespace groundglass
