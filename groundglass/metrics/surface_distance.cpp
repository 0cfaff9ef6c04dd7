#include "groundglass/metrics/surface_distance.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/metrics/distance_transform.h"
#include "groundglass/metrics/foreground_box.h"

namespace groundglass {
namespace {

using Histogram = std::map<float, int64_t>;

void check_spacing(const torch::Tensor& truth, const std::vector<double>& spacing_mm) {
  const bool positive = std::all_of(spacing_mm.begin(), spacing_mm.end(),
                                    [](double s) { return std::isfinite(s) && s > 0; });
  if (positive && static_cast<int64_t>(spacing_mm.size()) == truth.dim()) return;
  std::vector<std::string> words;
  for (const double s : spacing_mm) words.push_back(shortest(s));
  fail(ErrorKind::usage, "spacing is " + listed(words) + " mm, expected a positive number for " +
                             "each of " + std::to_string(truth.dim()) + " axes");
}

/// Marks the voxels with a face neighbour outside, along the axes that have neighbours.
torch::Tensor boundary_of(const torch::Tensor& mask, const std::array<bool, 3>& has_axis) {
  auto edge = torch::zeros_like(mask);
  const auto* in = mask.data_ptr<uint8_t>();
  auto* out = edge.data_ptr<uint8_t>();
  const int64_t size[3] = {mask.size(0), mask.size(1), mask.size(2)};
  const int64_t stride[3] = {size[1] * size[2], size[2], 1};
  int64_t p = 0;
  for (int64_t k = 0; k < size[0]; ++k) {
    for (int64_t j = 0; j < size[1]; ++j) {
      for (int64_t i = 0; i < size[2]; ++i, ++p) {
        if (in[p] == 0) continue;
        const int64_t place[3] = {k, j, i};
        for (size_t a = 0; a < 3; ++a) {
          const bool outside = place[a] == 0 || place[a] + 1 == size[a] || in[p - stride[a]] == 0 ||
                               in[p + stride[a]] == 0;
          if (has_axis[a] && outside) out[p] = 1;
        }
      }
    }
  }
  return edge;
}

Histogram distances_at(const torch::Tensor& edge, const torch::Tensor& distance) {
  std::vector<float> values;
  const auto* at = edge.data_ptr<uint8_t>();
  const auto* mm = distance.data_ptr<float>();
  for (int64_t p = 0; p < edge.numel(); ++p) {
    if (at[p] != 0) values.push_back(mm[p]);
  }
  std::sort(values.begin(), values.end());
  Histogram counts;
  for (const float v : values) ++counts.emplace_hint(counts.end(), v, 0)->second;
  return counts;
}

int64_t total(const Histogram& counts) {
  int64_t n = 0;
  for (const auto& [mm, count] : counts) n += count;
  return n;
}

/// The value at the sorted place `index`.
double ranked(const Histogram& counts, int64_t index) {
  for (const auto& [mm, count] : counts) {
    if (index < count) return static_cast<double>(mm);
    index -= count;
  }
  return static_cast<double>(counts.rbegin()->first);
}

double percentile95(const Histogram& counts) {
  const double place = 0.95 * static_cast<double>(total(counts) - 1);
  const auto below = static_cast<int64_t>(place);
  const double low = ranked(counts, below), high = ranked(counts, below + 1);
  return low + (place - static_cast<double>(below)) * (high - low);
}

void add(Histogram& sum, const Histogram& other) {
  for (const auto& [mm, count] : other) sum[mm] += count;
}

}  // namespace

SurfaceDistances& SurfaceDistances::operator+=(const SurfaceDistances& other) {
  add(to_truth, other.to_truth);
  add(to_prediction, other.to_prediction);
  alone += other.alone;
  return *this;
}

SurfaceDistances surface_distances(const torch::Tensor& prediction, const torch::Tensor& truth,
                                   const std::vector<double>& spacing_mm) {
  const ForegroundBox box = foreground_box(prediction, truth);
  check_spacing(truth, spacing_mm);
  std::array<double, 3> spacing = {1, 1, 1};
  std::array<bool, 3> has_axis = {false, false, false};
  const size_t missing = 3 - spacing_mm.size();  // a picture has no first axis
  for (size_t a = 0; a < spacing_mm.size(); ++a) {
    spacing[missing + a] = spacing_mm[a];
    has_axis[missing + a] = truth.size(static_cast<int64_t>(a)) > 1;
  }
  const auto predicted = boundary_of(box.prediction, has_axis);
  const auto real = boundary_of(box.truth, has_axis);
  SurfaceDistances d;
  if (box.prediction_empty || box.truth_empty) {
    d.alone = predicted.sum().item<int64_t>() + real.sum().item<int64_t>();
    return d;
  }
  d.to_truth = distances_at(predicted, distance_to_seeds(real, spacing));
  d.to_prediction = distances_at(real, distance_to_seeds(predicted, spacing));
  return d;
}

std::optional<double> hausdorff95_mm(const SurfaceDistances& d) {
  if (d.to_truth.empty() || d.to_prediction.empty()) return std::nullopt;
  return std::max(percentile95(d.to_truth), percentile95(d.to_prediction));
}

std::optional<double> average_surface_distance_mm(const SurfaceDistances& d) {
  if (d.to_truth.empty() || d.to_prediction.empty()) return std::nullopt;
  double sum = 0;
  for (const auto* counts : {&d.to_truth, &d.to_prediction}) {
    for (const auto& [mm, count] : *counts) {
      sum += static_cast<double>(mm) * static_cast<double>(count);
    }
  }
  return sum / static_cast<double>(total(d.to_truth) + total(d.to_prediction));
}

std::optional<double> surface_dice(const SurfaceDistances& d, double tolerance_mm) {
  const int64_t all = total(d.to_truth) + total(d.to_prediction) + d.alone;
  if (all == 0) return std::nullopt;
  const double reach = tolerance_mm * (1 + 1e-6);  // distances are float32: 3 may read 3.0000002
  int64_t near = 0;
  for (const auto* counts : {&d.to_truth, &d.to_prediction}) {
    for (const auto& [mm, count] : *counts) {
      if (static_cast<double>(mm) <= reach) near += count;
    }
  }
  return static_cast<double>(near) / static_cast<double>(all);
}

}  // namespace groundglass
