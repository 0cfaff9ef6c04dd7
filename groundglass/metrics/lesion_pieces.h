#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// A connected piece of lesion in a picture or volume.
struct LesionPiece {
  int64_t voxels = 0;
  int64_t label = 1;                     ///< the class that most of it has, of equals the lowest
  std::optional<double> mean_hu = {};    ///< where HU are given
  std::vector<double> centre_ij = {};    ///< mean index, fastest axis first: column, row(, slice)
  std::vector<int64_t> nearest_ij = {};  ///< its own voxel nearest to the centre
  int64_t first_slice = 0, last_slice = 0;  ///< of a volume, from 0
  /// Centre in the patient by DICOM's axes, to the left, back and head; where a geometry is given.
  std::optional<std::array<double, 3>> centre_lps_mm = {};

  /// The same by the axes of NIfTI and of the browser, to the right, front and head.
  std::optional<std::array<double, 3>> centre_ras_mm() const;
};

/// What a list of lesions is made with.
struct LesionPiecesOptions {
  std::optional<Geometry> geometry = {};  ///< of a volume
  torch::Tensor hu = {};                  ///< of each voxel, shape of the labels
  int64_t smallest = 1;                   ///< voxels; smaller pieces are only counted
  int64_t most = INT64_MAX;               ///< pieces that are listed
};

/// The pieces of a mask, the largest first, equals in the order of their first voxel.
struct LesionPieces {
  std::vector<LesionPiece> listed;
  int64_t total = 0;    ///< of all pieces
  int64_t smaller = 0;  ///< below the smallest size
};

/// Everything that is not zero, in connected pieces (connected_components()).
///
/// labels  [H,W] or [D,H,W] uint8, class numbers.
/// throws  Error(usage) naming the shape for other axes.
LesionPieces lesion_pieces(const torch::Tensor& labels, const LesionPiecesOptions& options = {});

}  // namespace groundglass
