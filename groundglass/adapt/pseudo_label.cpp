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

/// For each pixel the class in whose stretch of [0,1) a number drawn for it lies: the foreground
/// classes one after the other, then the background.
torch::Tensor drawn_classes(const torch::Tensor& foreground, uint64_t key) {
  Rng rng(key);
  const auto numbers = torch::empty(foreground[0].sizes(), torch::kFloat64);
  double* values = numbers.data_ptr<double>();
  for (int64_t i = 0; i < numbers.numel(); ++i) values[i] = rng.uniform();
  auto classes = torch::zeros(numbers.sizes(), torch::kUInt8);
  auto below = torch::zeros(numbers.sizes(), torch::kFloat64);
  for (int64_t c = 0; c < foreground.size(0); ++c) {
    const auto upper = below + foreground[c];
    classes.masked_fill_((numbers >= below) & (numbers < upper), c + 1);
    below = upper;
  }
  return classes;
}

}  // namespace

void ConfidenceHistogram::add(const MarkedPixels& marked) {
  constexpr size_t kBins = 1000;
  const auto classes = static_cast<size_t>(marked.labels.max().item<int64_t>()) + 1;
  if (bins_.size() < classes) bins_.resize(classes, std::vector<int64_t>(kBins, 0));
  for (size_t c = 0; c < classes; ++c) {
    const auto own = marked.labels == static_cast<int64_t>(c);
    count_bins(marked.confidence.masked_select(own), bins_[c]);
  }
}

ClassLimits ConfidenceHistogram::limits(double share) const {
  ClassLimits limits;
  for (const auto& bins : bins_) limits.push_back(limit_of(bins, share));
  return limits;
}

torch::Tensor pseudo_mask(const torch::Tensor& foreground, double cutoff,
                          const AdaptOptions& options, const ClassLimits& limits, uint64_t key) {
  if (options.labels == PseudoLabels::soft) return drawn_classes(foreground, key);
  const MarkedPixels marked = marked_pixels(foreground, cutoff);
  auto mask = marked.labels.clone();
  if (options.labels == PseudoLabels::band) {
    const auto p = torch::where(mask != 0, marked.confidence, foreground.sum(0));
    mask.masked_fill_((p > options.band_low) & (p < options.band_high), kIgnoreLabel);
  } else if (options.labels == PseudoLabels::balanced) {
    for (size_t c = 0; c < limits.size(); ++c) {
      const auto own = marked.labels == static_cast<int64_t>(c);
      mask.masked_fill_(own & (marked.confidence < limits[c]), kIgnoreLabel);
    }
  }
  return mask;
}

}  // namespace groundglass
