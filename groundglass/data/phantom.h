#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "groundglass/core/geometry.h"

namespace groundglass {

struct PhantomOptions {
  uint64_t seed = 1;
  int64_t slices = 40;
  int64_t side = 256;       ///< pixels of a slice's side; the field of view is 360 mm
  int64_t max_lesions = 6;  ///< 0 makes a healthy chest
};

/// Values of the phantom's lesion mask.
enum class PhantomLabel : uint8_t { background = 0, ground_glass = 1, consolidation = 2 };

/// A chest that never was: body with fat, ribs and spine, heart, liver dome, two lungs with vessels
/// and a windpipe, ground-glass and consolidation lesions with their masks. Slices are computed one
/// by one from formulas and a seed, so any number of them fits into memory, and the same seed gives
/// the same chest on every machine.
///
/// The anatomy is schematic: good for tests, demonstrations and timing, of no use for accuracy.
class Phantom {
 public:
  explicit Phantom(const PhantomOptions& options);

  struct Slice {
    torch::Tensor hu;       ///< [side,side] int16, Hounsfield units, row 0 at the front
    torch::Tensor lesions;  ///< [side,side] uint8, PhantomLabel
    torch::Tensor lungs;    ///< [side,side] uint8, 1 in the lungs, lesions included
  };

  /// Slice k from the feet up.
  Slice slice(int64_t k) const;

  int64_t slices() const { return options_.slices; }
  Geometry geometry() const;

 private:
  struct Lesion {
    std::array<double, 3> centre_mm{}, radius_mm{};
    double density = 0;  ///< 0 faint ground glass to 1 solid
    uint64_t key = 0;
  };
  struct VesselBall {
    std::array<double, 3> centre_mm{};
    double radius_mm = 0;
  };

  void grow_vessels();
  void grow_branch(std::array<double, 3> at, std::array<double, 3> heading, double radius_mm,
                   int depth, uint64_t key);
  void place_lesions();
  double height_of(int64_t k) const;                 ///< mm above the lowest slice
  bool in_lung(double x, double y, double z) const;  ///< mm, anatomy only
  double lesion_strength(const Lesion& lesion, double x, double y, double z) const;
  double tissue_hu(double x, double y, double z) const;  ///< outside the lungs

  PhantomOptions options_;
  double size_ = 1;  ///< of this person, about 1
  std::vector<VesselBall> vessels_;
  std::vector<Lesion> lesions_;
};

}  // namespace groundglass
