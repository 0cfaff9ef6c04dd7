#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// Boundary voxels of a prediction and of a reference, counted by their distance to the nearest
/// boundary voxel of the other. Counts first, formulas second: counts may be added.
struct SurfaceDistances {
  std::map<float, int64_t> to_truth;       ///< mm -> boundary voxels of the prediction
  std::map<float, int64_t> to_prediction;  ///< mm -> boundary voxels of the reference
  int64_t alone = 0;  ///< boundary voxels of a mask whose partner is empty: they have no distance

  SurfaceDistances& operator+=(const SurfaceDistances& other);
};

/// Measures from boundary to boundary of all foreground labels as one class.
///
/// A voxel of a mask is boundary if one of its face neighbours (4 in a picture, 6 in a volume) lies
/// outside the mask or outside the image. An axis of extent 1 has no neighbours: a volume of one
/// slice is a picture. Distances are between voxel centres, exact up to float32. Pixels whose truth
/// is kIgnoreLabel are background in both.
///
/// prediction, truth  label maps [H,W] or [D,H,W] of equal shape.
/// spacing_mm         of their axes, in their order (rows before columns).
/// throws             Error(usage) for shapes that differ and a spacing that does not fit.
SurfaceDistances surface_distances(const torch::Tensor& prediction, const torch::Tensor& truth,
                                   const std::vector<double>& spacing_mm);

/// The larger of the two directed 95th percentiles (linear interpolation between order statistics,
/// every boundary voxel weighs the same). Empty if no boundary was measured in either direction.
///
/// Huttenlocher et al., IEEE PAMI 15 (1993) 850 for the ranked distance; Maier-Hein, Reinke et al.,
/// "Metrics reloaded", Nat. Methods 21 (2024) 195. Differs: DeepMind's surface-distance weighs by
/// the area of surface elements and takes the next higher rank.
std::optional<double> hausdorff95_mm(const SurfaceDistances& d);

/// Average symmetric surface distance: the mean over the boundary voxels of both masks together
/// (Heimann et al., IEEE TMI 28 (2009) 1251). Empty as above.
std::optional<double> average_surface_distance_mm(const SurfaceDistances& d);

/// Surface Dice: the share of both masks' boundary voxels that lie no farther than the tolerance
/// from the other's boundary; voxels that are alone lie too far. Empty without any boundary.
///
/// Nikolov et al., J. Med. Internet Res. 23 (2021) e26151, https://arxiv.org/abs/1809.04430.
/// Differs: counts voxels instead of adding up areas of surface elements.
std::optional<double> surface_dice(const SurfaceDistances& d, double tolerance_mm);

}  // namespace groundglass
