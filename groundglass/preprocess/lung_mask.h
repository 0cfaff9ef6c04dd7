#pragma once

#include <vector>

#include <torch/types.h>

#include "groundglass/core/geometry.h"

namespace groundglass {

/// Lungs found without a network, for the share of the lungs that is infected.
struct LungEstimate {
  torch::Tensor lungs;  ///< [D,h,w] uint8 on a grid `coarseness` times coarser in-plane
  double lung_ml = 0;   ///< lungs and lesions together
  bool found = false;   ///< false if nothing looks like a lung
};

/// Collects a volume slice by slice on a coarse grid, so that memory stays small, and finds the
/// lungs at the end: air (below -320 HU) that does not reach the border of the slice, in 3-D
/// connected pieces of at least 20 ml and a twentieth of the largest; closed by 8 mm and filled in
/// each slice, so that vessels and lesions at the wall belong to it; lesions are added.
///
/// The idea of many CT pipelines, e.g. Hu, Hoffman, Reinhardt, IEEE TMI 20 (2001) 490.
/// Differs: windpipe and main bronchi are not taken away.
class LungEstimator {
 public:
  static constexpr int64_t kCoarseness = 4;

  /// slice [H,W] in HU, lesions [H,W] uint8 (0 is none), upright or not.
  void add_slice(const torch::Tensor& hu, const torch::Tensor& lesions);

  /// geometry  of the full grid; its in-plane axes must be those of the slices.
  LungEstimate finish(const Geometry& geometry) const;

 private:
  std::vector<torch::Tensor> air_, lesions_;  // [h,w] uint8
};

}  // namespace groundglass
