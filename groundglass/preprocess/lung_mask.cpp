#include "groundglass/preprocess/lung_mask.h"

#include <algorithm>
#include <cmath>

#include <ATen/Parallel.h>
#include <opencv2/imgproc.hpp>

#include "groundglass/core/parallel.h"
#include "groundglass/preprocess/disc.h"

namespace groundglass {
namespace {

constexpr float kAirHu = -320;
constexpr double kCloseMm = 8;
constexpr int64_t kAtOnce = 64;  ///< slices closed side by side, a byte for each cell

constexpr int64_t kSide = LungEstimator::kCoarseness;

/// Voxels of a cell: fewer at the far edges of a slice, where the frame begins inside the cell all
/// of them count.
struct Cell {
  int64_t top, left, rows, columns;
  float voxels;
};

/// The cells of a slice, row by row, each with its number on the coarse grid with its frame.
template <class F>
void each_cell(int64_t height, int64_t width, int64_t frame, int64_t coarse_width, const F& f) {
  for (int64_t y = 0; y < height; y += kSide) {
    for (int64_t x = 0; x < width; x += kSide) {
      const int64_t rows = std::min(kSide, height - y), columns = std::min(kSide, width - x);
      const auto voxels = static_cast<float>(frame > 0 ? kSide * kSide : rows * columns);
      f(Cell{y, x, rows, columns, voxels}, (y / kSide + frame) * coarse_width + x / kSide + frame);
    }
  }
}

/// Sum of value(y * width + x) over a cell's voxels.
template <class F>
float sum_over(const Cell& cell, int64_t width, const F& value) {
  float sum = 0;
  for (int64_t y = cell.top; y < cell.top + cell.rows; ++y) {
    for (int64_t x = cell.left; x < cell.left + cell.columns; ++x) sum += value(y * width + x);
  }
  return sum;
}

int64_t cells_along(int64_t voxels) {
  return (voxels + kSide - 1) / kSide;
}

/// Connected pieces of air in one slice, numbered from 1; the same slice gives the same numbers.
template <class Bits>
cv::Mat numbered_pieces(Bits air, int64_t height, int64_t width) {
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

void LungEstimator::add_slice(const torch::Tensor& hu, const torch::Tensor& lesions) {
  Cells cells;
  const auto values = hu.to(torch::kFloat32).contiguous();
  const int64_t height = hu.size(0), width = hu.size(1);
  cells.height = cells_along(height);
  cells.width = cells_along(width);
  cells.air.resize(static_cast<size_t>(cells.height * cells.width));
  const float* first = values.data_ptr<float>();
  each_cell(height, width, 0, cells.width, [&](const Cell& cell, int64_t number) {
    const float sum = sum_over(cell, width, [&](int64_t at) { return first[at]; });
    cells.air[static_cast<size_t>(number)] = sum / cell.voxels < kAirHu ? 1 : 0;
  });
  sum_lesions(lesions, values, 0, cells);
  add_cells(cells);
}

void LungEstimator::add_lungs(const torch::Tensor& lungs, int label, const torch::Tensor& lesions,
                              const torch::Tensor& hu) {
  Cells cells;
  const auto labels = lungs.to(torch::kUInt8).contiguous();
  const int64_t height = lungs.size(0), width = lungs.size(1);
  cells.height = cells_along(height + 2 * kFrameCells * kSide);
  cells.width = cells_along(width + 2 * kFrameCells * kSide);
  cells.air.resize(static_cast<size_t>(cells.height * cells.width));
  const uint8_t* first = labels.data_ptr<uint8_t>();
  each_cell(height, width, kFrameCells, cells.width, [&](const Cell& cell, int64_t number) {
    const float count = sum_over(cell, width, [&](int64_t at) {
      return (label == kAnyLabel ? first[at] != 0 : first[at] == label) ? 1.0F : 0.0F;
    });
    // As if lungs were air of -1000 HU and everything else 0.
    cells.air[static_cast<size_t>(number)] = -1000 * count / cell.voxels < kAirHu ? 1 : 0;
  });
  if (lesions.defined()) sum_lesions(lesions, hu, kFrameCells, cells);
  add_cells(cells);
}

/// What a cell holds of lesions, in a slice that has any.
void LungEstimator::sum_lesions(const torch::Tensor& lesions, const torch::Tensor& hu,
                                int64_t frame, Cells& cells) {
  const auto ill = lesions.to(torch::kUInt8).contiguous();
  const uint8_t* marked = ill.data_ptr<uint8_t>();
  if (std::all_of(marked, marked + ill.numel(), [](uint8_t label) { return label == 0; })) return;
  const auto values = hu.to(torch::kFloat32).contiguous();
  const float* first = values.data_ptr<float>();
  cells.lesion_share.resize(cells.air.size());
  cells.lesion_hu.resize(cells.air.size());
  const int64_t width = lesions.size(1);
  each_cell(lesions.size(0), width, frame, cells.width, [&](const Cell& cell, int64_t number) {
    const float count =
        sum_over(cell, width, [&](int64_t at) { return marked[at] != 0 ? 1.0F : 0.0F; });
    if (count == 0) return;
    const auto at = static_cast<size_t>(number);
    cells.lesion_share[at] = count / cell.voxels;
    cells.lesion_hu[at] =
        sum_over(cell, width, [&](int64_t i) { return marked[i] != 0 ? first[i] : 0.0F; }) /
        cell.voxels;
  });
}

void LungEstimator::add_cells(const Cells& cells) {
  height_ = cells.height;
  width_ = cells.width;
  air_.insert(air_.end(), cells.air.begin(), cells.air.end());
  if (cells.lesion_share.empty()) {
    lesions_.resize(lesions_.size() + cells.air.size());
  } else {
    for (const float share : cells.lesion_share) lesions_.push_back(share >= 0.5F);
    count_lesions(cells);
  }
  const cv::Mat pieces = numbered_pieces(cells.air.begin(), height_, width_);
  const size_t first = pieces_.size();
  const size_t first_below = first_piece_.empty() ? 0 : first_piece_.back();
  std::vector<int32_t> numbers(cells.air.size());
  for (int64_t y = 0; y < height_; ++y) {
    for (int64_t x = 0; x < width_; ++x) {
      const auto at = static_cast<size_t>(y * width_ + x);
      numbers[at] = pieces.at<int32_t>(static_cast<int>(y), static_cast<int>(x));
      if (numbers[at] == 0) continue;
      const size_t piece = first + static_cast<size_t>(numbers[at]) - 1;
      while (pieces_.size() <= piece) pieces_.push_back({pieces_.size(), 0, false});
      Piece& root = pieces_[root_of(piece)];
      ++root.voxels;
      if (x == 0 || y == 0 || x == width_ - 1 || y == height_ - 1) root.at_border = true;
      if (!below_.empty() && below_[at] != 0) {
        join(piece, first_below + static_cast<size_t>(below_[at]) - 1);
      }
    }
  }
  first_piece_.push_back(first);
  below_ = std::move(numbers);
}

void LungEstimator::count_lesions(const Cells& cells) {
  const size_t begin = lesions_.size() - cells.lesion_share.size();
  for (size_t at = 0; at < cells.lesion_share.size(); ++at) {
    const float share = cells.lesion_share[at];
    if (share == 0) continue;
    lesion_cells_.push_back(static_cast<int64_t>(begin + at));
    lesion_voxels_.push_back(static_cast<uint8_t>(std::lround(share * kCoarseness * kCoarseness)));
    lesion_hu_.push_back(cells.lesion_hu[at] / share);
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
  // Asked once: finding a root shortens the ways there, which threads may not do side by side.
  std::vector<uint8_t> kept(pieces_.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    kept[i] = keep(i) ? 1 : 0;
    out.found = out.found || kept[i] != 0;
  }
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
  const auto lungs_of = [&](int64_t z) {
    const cv::Mat pieces = numbered_pieces(air_.begin() + z * height_ * width_, height_, width_);
    cv::Mat lungs(pieces.size(), CV_8U);
    for (int at = 0; at < static_cast<int>(pieces.total()); ++at) {
      const int32_t number = pieces.ptr<int32_t>()[at];
      const size_t first = first_piece_[static_cast<size_t>(z)];
      lungs.ptr<uint8_t>()[at] =
          number != 0 && kept[first + static_cast<size_t>(number) - 1] != 0 ? 1 : 0;
    }
    close_and_fill(lungs, geometry.spacing_mm[0] * kCoarseness);
    return lungs;
  };
  int64_t voxels = 0;
  for (int64_t begin = 0; begin < cells.depth; begin += kAtOnce) {
    const int64_t count = std::min(kAtOnce, cells.depth - begin);
    std::vector<cv::Mat> lungs(static_cast<size_t>(count));
    parallel_for_each(count, at::get_num_threads(),
                      [&](int64_t i) { lungs[static_cast<size_t>(i)] = lungs_of(begin + i); });
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t* lung = lungs[static_cast<size_t>(i)].ptr<uint8_t>();
      for (int64_t at = 0; at < height_ * width_; ++at) {
        const int64_t cell = (begin + i) * height_ * width_ + at;
        cells.lung.push_back(lung[at] != 0 || lesions_[static_cast<size_t>(cell)]);
        if (cells.lung.back()) ++voxels;
      }
    }
  }
  out.lung_ml = static_cast<double>(voxels) * voxel_ml;
  return out;
}

}  // namespace groundglass
