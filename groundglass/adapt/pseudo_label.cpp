#include "groundglass/adapt/pseudo_label.h"

#include "groundglass/core/rng.h"
#include "groundglass/core/task.h"

namespace groundglass {
namespace {

void count_bins(const torch::Tensor& confidence, std::vector<int64_t>& bins) {
  const auto n = static_cast<int64_t>(bins.size());
  const auto bin = (confidence * n).to(torch::kInt64).clamp(0, n - 1).flatten();
  const auto counts = torch::bincount(bin, {}, n).contiguous();
  for (int64_t b = 0; b < n; ++b) {
    bins[static_cast<size_t>(b)] += counts.data_ptr<int64_t>()[b];
  }
}

/// The lower edge of the bin above which `share` of everything lies.
double limit_of(const std::vector<int64_t>& bins, double share) {
  double total = 0, above = 0;
  for (const int64_t n : bins) total += static_cast<double>(n);
  for (size_t b = bins.size(); b-- > 0;) {
    above += static_cast<double>(bins[b]);
    if (above >= share * total) return static_cast<double>(b) / static_cast<double>(bins.size());
  }
  return 0;
}

/// True where a number drawn for the pixel lies below its probability.
torch::Tensor drawn(const torch::Tensor& probability, uint64_t key) {
  Rng rng(key);
  const auto numbers = torch::empty(probability.sizes(), torch::kFloat64);
  double* values = numbers.data_ptr<double>();
  for (int64_t i = 0; i < numbers.numel(); ++i) values[i] = rng.uniform();
  return numbers < probability;
}

}  // namespace

void ConfidenceHistogram::add(const torch::Tensor& probability, double cutoff) {
  const auto marked = probability > cutoff;
  count_bins(probability.masked_select(marked), foreground_);
  count_bins(1 - probability.masked_select(marked.logical_not()), background_);
}

ClassLimits ConfidenceHistogram::limits(double share) const {
  return {limit_of(background_, share), limit_of(foreground_, share)};
}

torch::Tensor pseudo_mask(const torch::Tensor& foreground, double cutoff,
                          const AdaptOptions& options, const ClassLimits& limits, uint64_t key) {
  const auto p = foreground.sum(0);
  const auto marked = options.labels == PseudoLabels::soft ? drawn(p, key) : p > cutoff;
  auto mask = ((foreground.argmax(0) + 1) * marked).to(torch::kUInt8);
  if (options.labels == PseudoLabels::band) {
    mask.masked_fill_((p > options.band_low) & (p < options.band_high), kIgnoreLabel);
  } else if (options.labels == PseudoLabels::balanced) {
    const auto unsure = torch::where(marked, p < limits.foreground, (1 - p) < limits.background);
    mask.masked_fill_(unsure, kIgnoreLabel);
  }
  return mask;
}

}  // namespace groundglass
