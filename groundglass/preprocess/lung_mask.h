#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/geometry.h"
#include "groundglass/preprocess/lung_cells.h"

namespace groundglass {

/// Lungs found without a network, for the share of the lungs that is infected.
struct LungEstimate {
  double lung_ml = 0;  ///< lungs and lesions together
  bool found = false;  ///< false if nothing looks like a lung
  LungCells cells;     ///< the lungs themselves and the lesions, on the coarse grid
};

/// Collects a volume slice by slice and finds the lungs at the end: air (below -320 HU) that does
/// not reach the border of a slice, in 3-D connected pieces of at least 20 ml and a twentieth of
/// the largest; closed by 8 mm and filled in each slice, so that vessels and lesions at the wall
/// belong to it; lesions are added. Works on a grid four times coarser in-plane and keeps two bits
/// for each of its voxels (4 KiB for a slice of 512 x 512) and 13 bytes for each one with lesion.
///
/// The idea of many CT pipelines, e.g. Hu, Hoffman, Reinhardt, IEEE TMI 20 (2001) 490.
/// Differs: windpipe and main bronchi are not taken away.
class LungEstimator {
 public:
  static constexpr int64_t kCoarseness = 4;
  /// Of add_lungs(), on each side of the coarse grid: wider than what is closed.
  static constexpr int64_t kFrameCells = 8;

  /// slice [H,W] in HU, lesions [H,W] uint8 (0 is none), upright or not.
  void add_slice(const torch::Tensor& hu, const torch::Tensor& lesions);

  /// The same for a slice whose lungs are known, in a frame of kFrameCells cells without lung: what
  /// reaches the border of a slice is left out, as lungs in a cropped picture do.
  ///
  /// lungs  [H,W] uint8
  /// label  of `lungs` that is meant; kAnyLabel: all but 0
  /// hu     [H,W], of the lesions
  void add_lungs(const torch::Tensor& lungs, int label, const torch::Tensor& lesions,
                 const torch::Tensor& hu);
  static constexpr int kAnyLabel = -1;

  /// geometry  of the full grid, turned as the slices are.
  LungEstimate finish(const Geometry& geometry);

 private:
  /// A connected piece of air in one slice; pieces of a volume are trees of them.
  struct Piece {
    size_t parent = 0;
    int64_t voxels = 0;
    bool at_border = false;
  };

  /// One slice on the coarse grid.
  struct Cells {
    int64_t height = 0, width = 0;
    std::vector<uint8_t> air;
    std::vector<float> lesion_share;  ///< of a cell's voxels; empty: no lesion in the slice
    std::vector<float> lesion_hu;     ///< sum over its lesions, divided by the number of its voxels
  };

  size_t root_of(size_t piece);
  void join(size_t a, size_t b);
  void add_cells(const Cells& cells);
  void count_lesions(const Cells& cells);
  static void sum_lesions(const torch::Tensor& lesions, const torch::Tensor& hu, int64_t frame,
                          Cells& cells);

  int64_t height_ = 0, width_ = 0;     // of the coarse grid
  std::vector<bool> air_, lesions_;    // slice after slice: small blocks of their own would keep
                                       // the heap from reusing large ones
  std::vector<int64_t> lesion_cells_;  // with any lesion, and how many fine voxels of it
  std::vector<uint8_t> lesion_voxels_;
  std::vector<float> lesion_hu_;     // their mean
  std::vector<size_t> first_piece_;  // of each slice, in pieces_
  std::vector<Piece> pieces_;
  std::vector<int32_t> below_;  // pieces of the latest slice, 0 is no air
};

}  // namespace groundglass
