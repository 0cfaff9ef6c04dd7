#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include <torch/types.h>

#include "groundglass/preprocess/lung_cells.h"

namespace groundglass {

/// The lobes as severity_of_lobes() has them, numbered from 1; 0 is none.
enum class Lobe : uint8_t { none, right_upper, right_middle, right_lower, left_upper, left_lower };

/// Lung of a cell.
enum class LungSide : uint8_t { none, right, left };

/// Where the lobes of a lung lie, by the lung's shape alone: fissures are not looked for.
///
/// A cell's place is its distance from the lung's own centre to the head, the back and the left, in
/// standard deviations of the lung along each axis. The atlas holds the mean probability of each
/// lobe at a place, and modes: how it changes with the shape, which is the share of the lung in
/// each of 8 x 8 x 8 boxes. Made from experts' lobe maps by tools/lobe_atlas, which says the rest.
class LobeAtlas {
 public:
  /// Throws Error(checkpoint) naming the file for one that is none.
  static LobeAtlas read(const std::filesystem::path& path);

  /// Of each cell [D,H,W]; `none` where `sides` says none.
  ///
  /// shapes  the same without what is not to shape the lungs: lesions outside those that were
  /// found.
  std::vector<Lobe> lobes_of(const LungCells& cells, const std::vector<LungSide>& sides,
                             const std::vector<LungSide>& shapes) const;

 private:
  /// Of one lung with L lobes, float32.
  struct Lung {
    torch::Tensor mean;   // [L-1,N,N,N] probability of each lobe but the last
    torch::Tensor modes;  // [M,L-1,N,N,N]
    torch::Tensor shape;  // [S*S*S] roots of the mean shares
    torch::Tensor axes;   // [M,S*S*S] from roots of shares to scores
  };

  static torch::Tensor chances(const Lung& lung, const std::vector<double>& shares);

  std::array<Lung, 2> lungs_;  // right and left
};

}  // namespace groundglass
