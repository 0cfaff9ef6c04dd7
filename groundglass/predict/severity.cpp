#include "groundglass/predict/severity.h"

#include <algorithm>
#include <cmath>

namespace groundglass {
namespace {

constexpr double kLungSection_cm2 = 3;

/// Bins of equal width over an interval of the patient.
class Bins {
 public:
  Bins(double low, double high, double width_mm)
      : low_(low),
        width_mm_(std::max(width_mm, 1e-3)),
        counts_(1 + static_cast<size_t>(std::max(0.0, (high - low) / width_mm_)), 0) {}

  size_t bin_of(double mm) const {
    const double bin = std::floor((mm - low_) / width_mm_);
    return static_cast<size_t>(std::clamp(bin, 0.0, static_cast<double>(counts_.size() - 1)));
  }
  void add(double mm) { ++counts_[bin_of(mm)]; }
  double edge(size_t bin) const { return low_ + static_cast<double>(bin) * width_mm_; }
  double width_mm() const { return width_mm_; }
  const std::vector<int64_t>& counts() const { return counts_; }

 private:
  double low_, width_mm_;
  std::vector<int64_t> counts_;
};

struct Range {
  double low = INFINITY, high = -INFINITY;
  void take(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
};

/// Calls `each(index, mm)` for every lung cell.
template <class Each>
void for_lung(const LungCells& cells, Each each) {
  int64_t at = 0;
  for (int64_t k = 0; k < cells.depth; ++k) {
    for (int64_t j = 0; j < cells.height; ++j) {
      for (int64_t i = 0; i < cells.width; ++i, ++at) {
        if (!cells.lung[static_cast<size_t>(at)]) continue;
        each(at, to_patient_mm(cells.grid, {static_cast<double>(i), static_cast<double>(j),
                                            static_cast<double>(k)}));
      }
    }
  }
}

/// How far one step of the grid goes along a patient axis, at most.
double step_mm(const Geometry& grid, size_t patient_axis) {
  double most = 0;
  for (size_t axis = 0; axis < 3; ++axis) {
    most =
        std::max(most, std::abs(grid.direction[3 * patient_axis + axis]) * grid.spacing_mm[axis]);
  }
  return most;
}

/// The middle of the emptiest bin in the middle third.
double emptiest_place(const Bins& across) {
  const auto& counts = across.counts();
  const size_t begin = counts.size() / 3, end = std::max(begin + 1, 2 * counts.size() / 3);
  const auto middle = static_cast<double>(counts.size() - 1) / 2;
  size_t best = begin;
  for (size_t bin = begin; bin < end; ++bin) {
    const bool nearer =
        std::abs(static_cast<double>(bin) - middle) < std::abs(static_cast<double>(best) - middle);
    if (counts[bin] < counts[best] || (counts[bin] == counts[best] && nearer)) best = bin;
  }
  return across.edge(best) + across.width_mm() / 2;
}

/// From where to where a lung reaches along the patient's axis.
Range height_of(const Bins& along, double cell_mm3) {
  const auto& counts = along.counts();
  Range whole, thick;
  for (size_t bin = 0; bin < counts.size(); ++bin) {
    const double cm2 = static_cast<double>(counts[bin]) * cell_mm3 / along.width_mm() / 100;
    if (counts[bin] == 0) continue;
    for (const double mm : {along.edge(bin), along.edge(bin + 1)}) {
      whole.take(mm);
      if (cm2 >= kLungSection_cm2) thick.take(mm);
    }
  }
  return thick.low < thick.high ? thick : whole;
}

void finish(Severity& severity, int (*points_of)(const RegionCount&)) {
  for (const auto& region : severity.regions) {
    if (severity.reason.empty() && region.count.voxels == 0) {
      severity.reason = "no lung was found in the region " + region.region;
    }
  }
  if (!severity.reason.empty()) return;
  severity.score = 0;
  for (auto& region : severity.regions) {
    region.points = points_of(region.count);
    *severity.score += *region.points;
  }
}

}  // namespace

bool are_cut_off(const LungCells& cells) {
  if (cells.depth == 0) return false;
  const int64_t slice = cells.height * cells.width;
  const double cm2_each = cells.grid.spacing_mm[0] * cells.grid.spacing_mm[1] / 100;
  for (const int64_t k : {int64_t{0}, cells.depth - 1}) {
    const auto begin = cells.lung.begin() + k * slice;
    const auto lung = std::count(begin, begin + slice, true);
    if (static_cast<double>(lung) * cm2_each > kCutOffLungs_cm2) return true;
  }
  return false;
}

std::optional<double> plane_between_lungs(const LungCells& cells) {
  Range x;
  for_lung(cells, [&](int64_t, const auto& mm) { x.take(mm[0]); });
  if (!(x.low <= x.high)) return std::nullopt;
  const double across_mm = step_mm(cells.grid, 0);
  Bins across(x.low - across_mm / 2, x.high + across_mm / 2, across_mm);
  for_lung(cells, [&](int64_t, const auto& mm) { across.add(mm[0]); });
  return emptiest_place(across);
}

int lobe_points(const RegionCount& lobe) {
  const int64_t n = lobe.infected, of = lobe.voxels;
  if (n == 0) return 0;
  if (20 * n < of) return 1;
  if (4 * n <= of) return 2;
  if (2 * n < of) return 3;
  return 4 * n <= 3 * of ? 4 : 5;
}

int zone_points(const RegionCount& zone) {
  const int64_t n = zone.infected, of = zone.voxels;
  if (n == 0) return 0;
  if (4 * n < of) return 1;
  if (2 * n < of) return 2;
  return 4 * n < 3 * of ? 3 : 4;
}

int xray_points(const RegionCount& lung) {
  const int64_t n = lung.infected, of = lung.voxels;
  if (n == 0) return 0;
  if (4 * n < of) return 1;
  if (2 * n < of) return 2;
  return 4 * n <= 3 * of ? 3 : 4;
}

std::string definition_of_points(const std::string& scale) {
  if (scale == "six zones") {
    return "Points of a zone: 0 none, 1 below 25 %, 2 from 25 % to below 50 %, 3 from 50 % to "
           "below 75 %, 4 from 75 %. Zones are thirds of each lung's own height, not anatomical "
           "landmarks.";
  }
  if (scale == "five lobes") {
    return "Points of a lobe: 0 none, 1 below 5 %, 2 from 5 to 25 %, 3 above 25 % and below 50 %, "
           "4 from 50 to 75 %, 5 above 75 %.";
  }
  if (scale != "two lungs") return "";
  return "Points of a lung: 0 none, 1 below 25 %, 2 from 25 % to below 50 %, 3 from 50 to 75 %, 4 "
         "above 75 % of its area on the picture; a shadow's area, not a volume. A score does not "
         "say "
         "that a chest is ill: the bundled networks gave 114 chests without findings 1 to 7 "
         "points, "
         "most of them 3 or 4. On 61 infected chests that experts had outlined, most of them known "
         "to the networks from their training, the score was the experts' in 44 %, never more than "
         "2 points away, and half a point higher on average.";
}

Severity severity_of_zones(const LungCells& cells) {
  Severity severity;
  severity.scale = "six zones";
  severity.most = 24;
  for (const char* side : {"right", "left"}) {
    for (const char* height : {"upper", "middle", "lower"}) {
      severity.regions.push_back({std::string(side) + " " + height, {}, {}});
    }
  }
  const auto between = plane_between_lungs(cells);
  if (!between) {
    severity.reason = "no lungs were found";
    return severity;
  }
  Range z;
  for_lung(cells, [&](int64_t, const auto& mm) { z.take(mm[2]); });
  const double plane = *between, along_mm = step_mm(cells.grid, 2);
  const auto side_of = [&](const auto& mm) { return mm[0] < plane ? size_t{0} : size_t{1}; };
  std::array<Bins, 2> along = {Bins(z.low - along_mm / 2, z.high + along_mm / 2, along_mm),
                               Bins(z.low - along_mm / 2, z.high + along_mm / 2, along_mm)};
  for_lung(cells, [&](int64_t, const auto& mm) { along[side_of(mm)].add(mm[2]); });
  const std::array<Range, 2> heights = {height_of(along[0], voxel_mm3(cells.grid)),
                                        height_of(along[1], voxel_mm3(cells.grid))};
  std::array<double, 6> hu{};
  size_t next = 0;  // of the cells with lesion
  for_lung(cells, [&](int64_t at, const auto& mm) {
    const size_t side = side_of(mm);
    const double third = 3 * (mm[2] - heights[side].low) / (heights[side].high - heights[side].low);
    const auto from_below = static_cast<size_t>(std::clamp(std::floor(third), 0.0, 2.0));
    const size_t region = 3 * side + 2 - from_below;
    RegionCount& count = severity.regions[region].count;
    count.voxels += cells.voxels_each;
    while (next < cells.lesion_cells.size() && cells.lesion_cells[next] < at) ++next;
    if (next < cells.lesion_cells.size() && cells.lesion_cells[next] == at) {
      count.infected += cells.lesion_voxels[next];
      if (!cells.lesion_hu.empty()) hu[region] += cells.lesion_voxels[next] * cells.lesion_hu[next];
    }
  });
  for (size_t i = 0; i < hu.size() && !cells.lesion_hu.empty(); ++i) {
    const int64_t infected = severity.regions[i].count.infected;
    if (infected > 0) severity.regions[i].lesion_mean_hu = hu[i] / static_cast<double>(infected);
  }
  if (are_cut_off(cells)) severity.reason = kLungsAreCutOff;
  finish(severity, zone_points);
  return severity;
}

Severity severity_of_lobes(const std::array<RegionCount, 5>& lobes, const std::string& reason) {
  Severity severity;
  severity.reason = reason;
  severity.scale = "five lobes";
  severity.most = 25;
  const std::array<const char*, 5> names = {"right upper", "right middle", "right lower",
                                            "left upper", "left lower"};
  for (size_t i = 0; i < lobes.size(); ++i) severity.regions.push_back({names[i], lobes[i], {}});
  finish(severity, lobe_points);
  return severity;
}

}  // namespace groundglass
