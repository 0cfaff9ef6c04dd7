#include "groundglass/metrics/calibration.h"

#include <cmath>
#include <numeric>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"

namespace groundglass {
namespace {

template <class T>
void add(std::vector<T>& to, const std::vector<T>& from) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

template <class T>
std::vector<T> numbers(const torch::Tensor& tensor) {
  const auto row = tensor.contiguous();
  return {row.data_ptr<T>(), row.data_ptr<T>() + row.numel()};
}

/// |mean probability - share that came true| of a bin with pixels.
double gap(const ReliabilityBins& bins, size_t m) {
  return std::abs(bins.sum[m] - static_cast<double>(bins.hits[m])) /
         static_cast<double>(bins.count[m]);
}

std::optional<double> mean(double sum, int64_t pixels) {
  if (pixels == 0) return std::nullopt;
  return sum / static_cast<double>(pixels);
}

}  // namespace

ReliabilityBins& ReliabilityBins::operator+=(const ReliabilityBins& other) {
  add(count, other.count);
  add(hits, other.hits);
  add(sum, other.sum);
  return *this;
}

int64_t ReliabilityBins::pixels() const {
  return std::accumulate(count.begin(), count.end(), int64_t{0});
}

ReliabilityBins reliability_bins(const torch::Tensor& p, const torch::Tensor& came_true) {
  constexpr int64_t n = ReliabilityBins::kBins;
  const auto exact = p.to(torch::kFloat64).flatten();
  const auto bin = (exact * n).to(torch::kInt64).clamp(0, n - 1);
  ReliabilityBins bins;
  bins.count = numbers<int64_t>(torch::bincount(bin, {}, n));
  bins.hits = numbers<int64_t>(torch::bincount(bin.masked_select(came_true.flatten()), {}, n));
  bins.sum = numbers<double>(torch::bincount(bin, exact, n).to(torch::kFloat64));  // none: int64
  return bins;
}

std::optional<double> expected_calibration_error(const ReliabilityBins& bins) {
  double sum = 0;
  for (size_t m = 0; m < bins.count.size(); ++m) {
    if (bins.count[m] > 0) sum += static_cast<double>(bins.count[m]) * gap(bins, m);
  }
  return mean(sum, bins.pixels());
}

std::optional<double> maximum_calibration_error(const ReliabilityBins& bins) {
  std::optional<double> largest;
  for (size_t m = 0; m < bins.count.size(); ++m) {
    if (bins.count[m] > 0) largest = std::max(largest.value_or(0), gap(bins, m));
  }
  return largest;
}

CalibrationSums& CalibrationSums::operator+=(const CalibrationSums& other) {
  foreground += other.foreground;
  confidence += other.confidence;
  squared += other.squared;
  log_loss += other.log_loss;
  return *this;
}

PixelLogits pixel_logits(const torch::Tensor& logits, const torch::Tensor& target,
                         const torch::Tensor& keep) {
  const auto classes = class_logits(logits);
  const int64_t known = classes.size(1);
  auto wanted = target != kIgnoreLabel;
  if (keep.defined()) wanted = wanted & keep;
  const auto places = wanted.flatten().nonzero().squeeze(1);
  PixelLogits pixels;
  pixels.logits = classes.permute({0, 2, 3, 1})
                      .reshape({-1, known})
                      .index_select(0, places)
                      .to(torch::kFloat64);
  pixels.truth = target.flatten().index_select(0, places).to(torch::kInt64);
  if (known == 2) pixels.truth = (pixels.truth != 0).to(torch::kInt64);
  const int64_t highest = pixels.truth.numel() > 0 ? pixels.truth.max().item<int64_t>() : 0;
  if (highest >= known) {
    fail(ErrorKind::data, "a mask holds class " + std::to_string(highest) +
                              ", and the network knows 0 to " + std::to_string(known - 1));
  }
  return pixels;
}

CalibrationSums calibration_sums(const PixelLogits& pixels, double temperature) {
  const auto log_p = torch::log_softmax(pixels.logits / temperature, 1);
  const auto p = log_p.exp();
  // As a sum of the foreground's own numbers: 1 - background would lose the small ones.
  const auto foreground = p.narrow(1, 1, p.size(1) - 1).sum(1).clamp(0, 1);
  const auto infected = pixels.truth != 0;
  const auto [confidence, best] = p.max(1);
  CalibrationSums sums;
  sums.foreground = reliability_bins(foreground, infected);
  sums.confidence = reliability_bins(confidence, best == pixels.truth);
  sums.squared = (foreground - infected.to(torch::kFloat64)).square().sum().item<double>();
  sums.log_loss = -log_p.gather(1, pixels.truth.unsqueeze(1)).sum().item<double>();
  return sums;
}

std::optional<double> brier_score(const CalibrationSums& sums) {
  return mean(sums.squared, sums.foreground.pixels());
}

std::optional<double> negative_log_likelihood(const CalibrationSums& sums) {
  return mean(sums.log_loss, sums.foreground.pixels());
}

torch::Tensor near_lesion(const torch::Tensor& labels, const torch::Tensor& truth,
                          int64_t distance) {
  const auto lesion = (labels != 0) | ((truth != 0) & (truth != kIgnoreLabel));
  const auto widened =
      torch::max_pool2d(lesion.to(torch::kFloat32).unsqueeze(1), 2 * distance + 1, 1, distance);
  return widened.squeeze(1) > 0;
}

}  // namespace groundglass
