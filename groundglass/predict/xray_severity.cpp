#include "groundglass/predict/xray_severity.h"

#include <algorithm>
#include <cmath>

namespace groundglass {
namespace {

constexpr int64_t kSmallPieces = 20;        // part of the largest piece
constexpr int64_t kLoneLung = 5;            // part of the other lung
constexpr int64_t kNarrow = 4, kEdge = 10;  // parts of a lung's tallest column, of an edge

/// Sets what does not belong to a large piece of lung to 0; pieces touch at their sides.
void keep_large_pieces(XrayMasks& masks) {
  const auto size = masks.lungs.size();
  std::vector<size_t> piece(size, 0), pixels = {0};
  std::vector<int64_t> open;
  for (size_t start = 0; start < size; ++start) {
    if (masks.lungs[start] == 0 || piece[start] != 0) continue;
    const size_t number = pixels.size();
    pixels.push_back(0);
    piece[start] = number;
    open.push_back(static_cast<int64_t>(start));
    while (!open.empty()) {
      const int64_t at = open.back(), x = at % masks.width;
      open.pop_back();
      ++pixels[number];
      const auto visit = [&](int64_t next) {
        const auto n = static_cast<size_t>(next);
        if (masks.lungs[n] == 0 || piece[n] != 0) return;
        piece[n] = number;
        open.push_back(next);
      };
      if (x > 0) visit(at - 1);
      if (x + 1 < masks.width) visit(at + 1);
      if (at >= masks.width) visit(at - masks.width);
      if (at + masks.width < static_cast<int64_t>(size)) visit(at + masks.width);
    }
  }
  const size_t largest = *std::max_element(pixels.begin(), pixels.end());
  for (size_t at = 0; at < size; ++at) {
    if (kSmallPieces * pixels[piece[at]] < largest) masks.lungs[at] = 0;
  }
}

std::vector<int64_t> lung_in_columns(const XrayMasks& masks) {
  std::vector<int64_t> columns(static_cast<size_t>(masks.width), 0);
  for (size_t at = 0; at < masks.lungs.size(); ++at) {
    if (masks.lungs[at] != 0) ++columns[at % columns.size()];
  }
  return columns;
}

/// The first column of the lung further right in the picture; nothing if they cannot be told apart.
std::optional<size_t> column_between(const std::vector<int64_t>& columns) {
  const auto holds = [](int64_t n) { return n > 0; };
  const auto begin =
      static_cast<size_t>(std::find_if(columns.begin(), columns.end(), holds) - columns.begin());
  const auto end =
      static_cast<size_t>(columns.rend() - std::find_if(columns.rbegin(), columns.rend(), holds));
  const size_t third = (end - begin) / 3;
  const double middle = static_cast<double>(begin + end - 1) / 2;
  const auto from_middle = [&](size_t x) { return std::abs(static_cast<double>(x) - middle); };
  size_t best = begin + third;
  for (size_t x = best; x < end - third; ++x) {
    const bool nearer = columns[x] == columns[best] && from_middle(x) < from_middle(best);
    if (columns[x] < columns[best] || nearer) best = x;
  }
  const auto tallest = [&](size_t first, size_t last) {
    return first == last ? 0
                         : *std::max_element(columns.begin() + static_cast<std::ptrdiff_t>(first),
                                             columns.begin() + static_cast<std::ptrdiff_t>(last));
  };
  const int64_t lower = std::min(tallest(begin, best), tallest(best, end));
  if (kNarrow * columns[best] >= lower) return std::nullopt;
  return best;
}

/// Whether a tenth or more of one edge of the picture is lung.
bool reaches_an_edge(const XrayMasks& masks) {
  const auto lung = [&](int64_t y, int64_t x) {
    return masks.lungs[static_cast<size_t>(y * masks.width + x)] != 0;
  };
  int64_t top = 0, bottom = 0, left = 0, right = 0;
  for (int64_t x = 0; x < masks.width; ++x) {
    top += lung(0, x) ? 1 : 0;
    bottom += lung(masks.height - 1, x) ? 1 : 0;
  }
  for (int64_t y = 0; y < masks.height; ++y) {
    left += lung(y, 0) ? 1 : 0;
    right += lung(y, masks.width - 1) ? 1 : 0;
  }
  return kEdge * std::max(top, bottom) >= masks.width ||
         kEdge * std::max(left, right) >= masks.height;
}

/// Counts of both lungs; right comes first.
void count_sides(const XrayMasks& masks, std::optional<size_t> between, bool right_first,
                 Severity& severity) {
  const auto width = static_cast<size_t>(masks.width);
  for (size_t at = 0; at < masks.lungs.size(); ++at) {
    if (masks.lungs[at] == 0) continue;
    const bool first = masks.sides_told ? masks.lungs[at] == 1 : at % width < *between;
    RegionCount& count = severity.regions[first == (right_first || masks.sides_told) ? 0 : 1].count;
    ++count.voxels;
    if (masks.lesions[at] != 0) ++count.infected;
  }
}

std::string reason_against(const XrayMasks& masks, PictureLeft left, const Severity& severity) {
  const int64_t right = severity.regions[0].count.voxels, other = severity.regions[1].count.voxels;
  if (kLoneLung * std::min(right, other) < std::max(right, other)) {
    return right < other ? "no right lung was found" : "no left lung was found";
  }
  if (reaches_an_edge(masks)) return "the lungs reach the edge of the picture";
  if (left == PictureLeft::turned) return "the picture is turned, or no frontal view";
  return "";
}

}  // namespace

PictureLeft picture_left(const std::string& patient_orientation) {
  const auto end = patient_orientation.find('\\');
  if (patient_orientation.empty()) return PictureLeft::right_as_hung;
  if (end == std::string::npos || patient_orientation.substr(end + 1, 1) != "F") {
    return PictureLeft::turned;
  }
  if (patient_orientation[0] == 'L') return PictureLeft::right_as_told;
  return patient_orientation[0] == 'R' ? PictureLeft::left_as_told : PictureLeft::turned;
}

XraySeverity severity_of_xray(const XrayMasks& given, PictureLeft left) {
  XrayMasks masks = given;
  keep_large_pieces(masks);
  XraySeverity found;
  Severity& severity = found.severity;
  severity.scale = kScaleOfXrays;
  severity.most = 8;
  severity.regions = {{"right lung", {}, {}}, {"left lung", {}, {}}};
  RegionCount lungs, outside;
  for (size_t at = 0; at < masks.lungs.size(); ++at) {
    const bool lung = masks.lungs[at] != 0, infected = masks.lesions[at] != 0;
    lungs.voxels += lung ? 1 : 0;
    lungs.infected += lung && infected ? 1 : 0;
    outside.voxels += infected ? 1 : 0;
    outside.infected += infected && !lung ? 1 : 0;
  }
  const auto share_of = [](const RegionCount& count) {
    return static_cast<double>(count.infected) / static_cast<double>(count.voxels);
  };
  if (outside.voxels > 0) found.outside_share = share_of(outside);
  if (lungs.voxels == 0) {
    severity.reason = "no lungs were found";
    return found;
  }
  found.lung_share = share_of(lungs);
  std::optional<size_t> between;
  if (!masks.sides_told) {
    between = column_between(lung_in_columns(masks));
    if (!between) {
      severity.reason = "the right and the left lung cannot be told apart";
      return found;
    }
  }
  count_sides(masks, between, left != PictureLeft::left_as_told, severity);
  severity.reason = reason_against(masks, left, severity);
  if (!severity.reason.empty()) return found;
  severity.score = 0;
  for (auto& region : severity.regions) {
    region.points = xray_points(region.count);
    *severity.score += *region.points;
  }
  if (left == PictureLeft::right_as_hung) {
    severity.note = "No PatientOrientation: the patient's right is taken to be at the left edge.";
  }
  return found;
}

}  // namespace groundglass
