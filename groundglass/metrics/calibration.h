#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// A reliability diagram: probabilities in equal bins of [0,1], with how often what they foretold
/// came true. Bins may be added.
///
/// Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, eq. 2-5,
/// https://arxiv.org/abs/1706.04599, with their 15 bins.
/// Differs: bins are [m/15, (m+1)/15), and the last holds 1; the paper closes them on the right.
struct ReliabilityBins {
  static constexpr int64_t kBins = 15;
  std::vector<int64_t> count = std::vector<int64_t>(kBins, 0);
  std::vector<int64_t> hits = std::vector<int64_t>(kBins, 0);  ///< of these, that came true
  std::vector<double> sum = std::vector<double>(kBins, 0);     ///< of the probabilities

  ReliabilityBins& operator+=(const ReliabilityBins& other);
  int64_t pixels() const;
};

/// p [n] in [0,1], came_true [n] bool.
ReliabilityBins reliability_bins(const torch::Tensor& p, const torch::Tensor& came_true);

// Both in [0,1], 0 is best; empty without any pixel.
/// Sum over bins of (pixels in the bin / all pixels) |mean probability - share that came true|.
std::optional<double> expected_calibration_error(const ReliabilityBins& bins);
/// The largest such difference of a bin that is not empty, however few its pixels.
std::optional<double> maximum_calibration_error(const ReliabilityBins& bins);

/// All that is said of the calibration of a set of pixels; may be added.
struct CalibrationSums {
  /// p: the foreground's probability, all its classes as one; true: the pixel is foreground.
  ReliabilityBins foreground;
  /// p: the probability of the most probable class; true: that class is the right one. What the
  /// paper bins. The sigmoid's classes are two; the threshold plays no part.
  ReliabilityBins confidence;
  double squared = 0;   ///< sum of (p - 0 or 1)^2 of the foreground
  double log_loss = 0;  ///< sum of -log p of the right class, natural

  CalibrationSums& operator+=(const CalibrationSums& other);
};

/// Pixels one after the other, the ignored ones left out.
struct PixelLogits {
  torch::Tensor logits;  ///< [n,K'] double; K' = max(K,2), the background first
  torch::Tensor truth;   ///< [n] int64, 0 to K' - 1
};

/// logits [N,K,H,W] float, target [N,H,W] whole numbers. With two classes whatever is not
/// background is foreground.
/// keep   [N,H,W] bool: only these pixels; undefined for all.
/// throws Error(data) for a class that the network does not know.
PixelLogits pixel_logits(const torch::Tensor& logits, const torch::Tensor& target,
                         const torch::Tensor& keep = {});

/// The sums for logits / temperature.
CalibrationSums calibration_sums(const PixelLogits& pixels, double temperature);

/// Mean of the squares over the pixels, in [0,1]; Brier, "Verification of forecasts expressed in
/// terms of probability", Monthly Weather Review 1950.
/// Differs: of the foreground alone; the paper sums over all classes, which for two is twice this.
std::optional<double> brier_score(const CalibrationSums& sums);

/// Mean of -log p of the right class over the pixels; 0 is best.
std::optional<double> negative_log_likelihood(const CalibrationSums& sums);

/// Pixels [N,H,W] (bool) within `distance` of a true or a predicted lesion pixel, both axes apart
/// (a square of 2 distance + 1). Calibration over whole images is mostly that of background that
/// nobody doubts.
///
/// labels, truth [N,H,W] whole numbers; ignored pixels of the truth count as no lesion.
torch::Tensor near_lesion(const torch::Tensor& labels, const torch::Tensor& truth,
                          int64_t distance);

}  // namespace groundglass
