#include "groundglass/predict/lobe_atlas.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/io/safetensors.h"

namespace groundglass {
namespace {

constexpr double kReach = 2.2;      // standard deviations from the centre to the atlas' border
constexpr double kMostScore = 2.5;  // of a mode: beyond, the shape is unlike those of the atlas
constexpr int64_t kShapeBoxes = 8;  // along each axis

using Place = std::array<double, 3>;  // to the head, to the back, to the left

/// Where cells are in one lung.
class LungPlaces {
 public:
  LungPlaces(const LungCells& cells, const std::vector<LungSide>& shapes, LungSide side)
      : cells_(cells), shapes_(shapes), side_(side) {
    Place sum = {}, squares = {};
    for_each_mm(shapes_, [&](size_t, const Place& mm) {
      ++count_;
      for (size_t axis = 0; axis < 3; ++axis) {
        sum[axis] += mm[axis];
        squares[axis] += mm[axis] * mm[axis];
      }
    });
    for (size_t axis = 0; axis < 3 && count_ > 0; ++axis) {
      centre_mm_[axis] = sum[axis] / count_;
      const double variance = squares[axis] / count_ - centre_mm_[axis] * centre_mm_[axis];
      deviation_mm_[axis] = std::sqrt(std::max(1.0, variance));
    }
  }

  double count() const { return count_; }

  /// Calls each(index of the cell, place), 0 to 1 along each axis, for the lung's cells in `sides`.
  template <class Each>
  void for_each(const std::vector<LungSide>& sides, Each each) const {
    for_each_mm(sides, [&](size_t at, Place mm) {
      for (size_t axis = 0; axis < 3; ++axis) {
        const double from_centre = (mm[axis] - centre_mm_[axis]) / deviation_mm_[axis];
        mm[axis] = std::clamp(0.5 + from_centre / (2 * kReach), 0.0, 1.0);
      }
      each(at, mm);
    });
  }

  /// Share of the lung in each of the boxes of its shape.
  std::vector<double> shares() const {
    std::vector<double> shares(kShapeBoxes * kShapeBoxes * kShapeBoxes, 0);
    for_each(shapes_, [&](size_t, const Place& place) {
      int64_t box = 0;
      for (const double p : place) {
        box = kShapeBoxes * box + std::min(kShapeBoxes - 1, static_cast<int64_t>(p * kShapeBoxes));
      }
      shares[static_cast<size_t>(box)] += 1 / count_;
    });
    return shares;
  }

 private:
  template <class Each>
  void for_each_mm(const std::vector<LungSide>& sides, Each each) const {
    size_t at = 0;
    for (int64_t k = 0; k < cells_.depth; ++k) {
      for (int64_t j = 0; j < cells_.height; ++j) {
        for (int64_t i = 0; i < cells_.width; ++i, ++at) {
          if (sides[at] != side_) continue;
          const auto mm = to_patient_mm(
              cells_.grid,
              {static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)});
          each(at, Place{mm[2], mm[1], mm[0]});
        }
      }
    }
  }

  const LungCells& cells_;
  const std::vector<LungSide>& shapes_;
  LungSide side_;
  double count_ = 0;
  Place centre_mm_ = {}, deviation_mm_ = {1, 1, 1};
};

/// Index of the likeliest lobe at a place, trilinear between the boxes' middles.
int64_t likeliest(const torch::Tensor& chances, const Place& place) {
  const int64_t lobes = chances.size(0), n = chances.size(1);
  const float* first = chances.data_ptr<float>();
  std::array<int64_t, 3> low = {};
  Place rest = {};
  for (size_t axis = 0; axis < 3; ++axis) {
    const double at =
        std::clamp(place[axis] * static_cast<double>(n) - 0.5, 0.0, static_cast<double>(n - 1));
    low[axis] = std::min(n - 2, static_cast<int64_t>(at));
    rest[axis] = at - static_cast<double>(low[axis]);
  }
  int64_t best = lobes;
  double best_chance = 0, together = 0;
  for (int64_t lobe = 0; lobe < lobes; ++lobe) {
    double chance = 0;
    for (int64_t corner = 0; corner < 8; ++corner) {
      double weight = 1;
      int64_t box = lobe;
      for (size_t axis = 0; axis < 3; ++axis) {
        const int64_t step = corner >> axis & 1;
        weight *= step == 1 ? rest[axis] : 1 - rest[axis];
        box = n * box + low[axis] + step;
      }
      chance += weight * first[box];
    }
    together += chance;
    if (chance > best_chance) {
      best = lobe;
      best_chance = chance;
    }
  }
  return 1 - together > best_chance ? lobes : best;
}

}  // namespace

LobeAtlas LobeAtlas::read(const std::filesystem::path& path) {
  const TensorArchive archive = read_safetensors(path);
  LobeAtlas atlas;
  for (size_t side = 0; side < 2; ++side) {
    const auto tensors = tensors_below(archive, side == 0 ? "right." : "left.");
    const auto take = [&](const char* name, int64_t dimensions) {
      const auto found = tensors.find(name);
      if (found == tensors.end() || found->second.dim() != dimensions) {
        fail(ErrorKind::checkpoint, path.string() + ": is no lobe atlas: expected " +
                                        (side == 0 ? "right." : "left.") + name + " of " +
                                        std::to_string(dimensions) + " dimensions");
      }
      return found->second.to(torch::kFloat32).contiguous();
    };
    Lung& lung = atlas.lungs_[side];
    lung = {take("mean", 4), take("modes", 5), take("shape", 1), take("axes", 2)};
    const int64_t n = lung.mean.size(1), modes = lung.modes.size(0),
                  boxes = kShapeBoxes * kShapeBoxes * kShapeBoxes;
    const int64_t lobes = side == 0 ? 2 : 1;
    if (n < 2 || lung.mean.sizes() != torch::IntArrayRef({lobes, n, n, n}) ||
        lung.modes[0].sizes() != lung.mean.sizes() || lung.shape.size(0) != boxes ||
        lung.axes.sizes() != torch::IntArrayRef({modes, boxes})) {
      fail(ErrorKind::checkpoint,
           path.string() + ": is no lobe atlas: its sizes do not go together");
    }
  }
  return atlas;
}

torch::Tensor LobeAtlas::chances(const Lung& lung, const std::vector<double>& shares) {
  auto shape = torch::tensor(shares, torch::kFloat32);
  shape = (shape * static_cast<double>(shares.size())).sqrt();
  const auto scores = lung.axes.matmul(shape - lung.shape).clamp(-kMostScore, kMostScore);
  return (lung.mean + (scores.view({-1, 1, 1, 1, 1}) * lung.modes).sum(0)).contiguous();
}

std::vector<Lobe> LobeAtlas::lobes_of(const LungCells& cells, const std::vector<LungSide>& sides,
                                      const std::vector<LungSide>& shapes) const {
  std::vector<Lobe> lobes(sides.size(), Lobe::none);
  for (const LungSide side : {LungSide::right, LungSide::left}) {
    const LungPlaces places(cells, shapes, side);
    if (places.count() == 0) continue;
    const bool right = side == LungSide::right;
    const torch::Tensor at_places = chances(lungs_[right ? 0 : 1], places.shares());
    const auto first = static_cast<int64_t>(right ? Lobe::right_upper : Lobe::left_upper);
    places.for_each(sides, [&](size_t at, const Place& place) {
      lobes[at] = static_cast<Lobe>(first + likeliest(at_places, place));
    });
  }
  return lobes;
}

}  // namespace groundglass
