#include "groundglass/adapt/certainty.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "groundglass/core/task.h"

namespace groundglass {
namespace {

constexpr double kPaperArea = 512.0 * 512.0;
constexpr int64_t kBins = 20;

/// Positions of a ranked list dealt in turn: every patient's first, every patient's second, ...
std::vector<int64_t> in_turn(const std::vector<int64_t>& ranked,
                             const std::vector<SliceCertainty>& slices) {
  std::map<std::string, int64_t> seen;
  std::vector<std::pair<int64_t, int64_t>> turns;  // how many of the patient came before
  for (const int64_t i : ranked) {
    turns.emplace_back(seen[slices[static_cast<size_t>(i)].patient]++, i);
  }
  std::stable_sort(turns.begin(), turns.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<int64_t> dealt;
  for (const auto& [turn, i] : turns) dealt.push_back(i);
  return dealt;
}

}  // namespace

MarkedPixels marked_pixels(const torch::Tensor& foreground, double cutoff) {
  const auto any = foreground.sum(0);
  if (foreground.size(0) == 1) {
    const auto marked = any > cutoff;
    return {marked.to(torch::kUInt8), torch::where(marked, any, 1 - any)};
  }
  const auto classes = labels(foreground.unsqueeze(0), cutoff).squeeze(0);
  return {classes, torch::where(classes != 0, foreground.amax(0), 1 - any)};
}

namespace {

CertaintyIndex mean_where(const torch::Tensor& confidence, const torch::Tensor& marked) {
  const auto n = marked.sum().item<int64_t>();
  if (n == 0) return {};
  const double sum = confidence.masked_select(marked).sum(torch::kFloat64).item<double>();
  return {sum / static_cast<double>(n), n};
}

}  // namespace

CertaintyIndex certainty_index(const torch::Tensor& probability, double cutoff) {
  return mean_where(probability, probability > cutoff);
}

CertaintyIndex certainty_index(const MarkedPixels& marked) {
  return mean_where(marked.confidence, marked.labels != 0);
}

double agreement_of(const torch::Tensor& labels) {
  const auto marked = labels != 0;
  const auto same = (labels == labels.narrow(0, 0, 1)).all(0) & marked[0];
  const auto all = same.sum().item<int64_t>(), any = marked.any(0).sum().item<int64_t>();
  return any == 0 ? 0 : static_cast<double>(all) / static_cast<double>(any);
}

std::string to_string(SliceFate fate) {
  switch (fate) {
    case SliceFate::chosen:
      return "chosen";
    case SliceFate::too_small:
      return "too small";
    case SliceFate::below_limit:
      return "below the limit";
    case SliceFate::beyond_share:
      return "beyond the share";
  }
  return "unknown";
}

double certainty_of(const SliceCertainty& slice, const AdaptOptions& options) {
  if (options.certainty == Certainty::agreement) return slice.agreement;
  if (options.certainty == Certainty::product) return slice.index.index * slice.agreement;
  return slice.index.index;
}

Selection select_slices(const std::vector<SliceCertainty>& slices, const AdaptOptions& options,
                        int64_t area) {
  const double least = options.min_pixels * static_cast<double>(area) / kPaperArea;
  const auto certainty = [&](int64_t i) {
    return certainty_of(slices[static_cast<size_t>(i)], options);
  };
  Selection out;
  out.asked = static_cast<int64_t>(std::ceil(options.share * static_cast<double>(slices.size())));
  out.fates.assign(slices.size(), SliceFate::beyond_share);
  out.histogram.assign(kBins, 0);
  std::vector<int64_t> ranked;
  for (size_t i = 0; i < slices.size(); ++i) {
    if (slices[i].index.pixels == 0 || static_cast<double>(slices[i].index.pixels) < least) {
      out.fates[i] = SliceFate::too_small;
      continue;
    }
    const double c = certainty(static_cast<int64_t>(i));
    const auto bin = static_cast<int64_t>(c * static_cast<double>(kBins));
    ++out.histogram[static_cast<size_t>(std::clamp<int64_t>(bin, 0, kBins - 1))];
    if (c < options.limit || slices[i].agreement < options.agreement_limit) {
      out.fates[i] = SliceFate::below_limit;
    } else {
      ranked.push_back(static_cast<int64_t>(i));
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [&](int64_t a, int64_t b) { return certainty(a) > certainty(b); });
  if (options.spread == Spread::patients) ranked = in_turn(ranked, slices);
  if (static_cast<int64_t>(ranked.size()) > out.asked) {
    ranked.resize(static_cast<size_t>(out.asked));
  }
  for (const int64_t i : ranked) out.fates[static_cast<size_t>(i)] = SliceFate::chosen;
  out.chosen = std::move(ranked);
  return out;
}

}  // namespace groundglass
