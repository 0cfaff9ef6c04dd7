#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/preprocess/lung_cells.h"

namespace groundglass {

/// Infected voxels of a region, and all voxels of it.
struct RegionCount {
  int64_t infected = 0, voxels = 0;

  bool operator==(const RegionCount&) const = default;
};

/// Points of one lobe, 0 to 5: none, below 5 %, 5 to 25 %, above 25 and below 50 %, 50 to 75 %,
/// above 75 %. Published bins leave holes (25, 26); these have none. Counts are compared as whole
/// numbers, never as rounded percents.
int lobe_points(const RegionCount& lobe);

/// Points of one of six lung zones, 0 to 4: none, below 25 %, 25 to below 50 %, 50 to below 75 %,
/// 75 % and more.
int zone_points(const RegionCount& zone);

/// Points of one lung on an X-ray, 0 to 4: none, below 25 %, below 50 %, up to 75 %, above 75 %.
int xray_points(const RegionCount& lung);

/// A region with its points; none where there is no score.
struct RegionSeverity {
  std::string region;  ///< "right upper"
  RegionCount count;
  std::optional<int> points;
  std::optional<double> lesion_mean_hu = {};    ///< of its infected voxels; nothing without any
  std::optional<double> ml = {}, mean_hu = {};  ///< of lobes: the region with its lesions
};

/// How much of the lungs is infected, region by region.
struct Severity {
  std::string scale;         ///< "six zones", "five lobes", or "two lungs" of an X-ray
  std::optional<int> score;  ///< the sum of the points
  int most = 0;              ///< what the scale ends with
  std::string reason;        ///< why there is no score; "" if there is one
  std::vector<RegionSeverity> regions;
  std::string note = {};  ///< what a reader of the score has to know besides; "" for nothing
};

/// What the points of a scale mean, and how far they go, in a few sentences; "" for another scale.
std::string definition_of_points(const std::string& scale);

/// Why there is no score where more than this of lung lies in the first or last slice.
constexpr const char* kLungsAreCutOff = "the lungs reach the first or the last slice";
constexpr double kCutOffLungs_cm2 = 10;

/// Whether the first or the last slice holds that much lung.
bool are_cut_off(const LungCells& cells);

/// The sagittal plane with the least lung in the middle third of the chest, mm to the patient's
/// left; nothing without lung.
std::optional<double> plane_between_lungs(const LungCells& cells);

/// The six zones, 0 to 24: each lung is cut into three equal parts of its own height along the
/// patient's axis, voxel by voxel; right and left are told apart by the sagittal plane with the
/// least lung in the middle third of the chest. A lung's height is that of its cross-sections of
/// 3 cm2 and more, so that the windpipe adds nothing to it; what lies beyond belongs to the upper
/// and lower zone.
///
/// No score, with the reason, where the lungs are cut off (more than 10 cm2 of lung in the first or
/// last slice, which no windpipe has), no lungs were found, or a zone holds no lung.
/// Published zones end at the carina and at the inferior pulmonary vein; thirds are our own.
Severity severity_of_zones(const LungCells& cells);

/// The five lobes, 0 to 25: right upper, middle, lower, left upper, lower.
///
/// reason  why there can be no score; "" if there can be one.
Severity severity_of_lobes(const std::array<RegionCount, 5>& lobes, const std::string& reason = {});

}  // namespace groundglass
