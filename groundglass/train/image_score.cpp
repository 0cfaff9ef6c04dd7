#include "groundglass/train/image_score.h"

#include "groundglass/core/clock.h"
#include "groundglass/core/task.h"
#include "groundglass/metrics/detection.h"

namespace groundglass {
namespace {

void add_bins(std::vector<int64_t>& bins, const torch::Tensor& p) {
  const auto bin = (p * ImageOutcomes::kBins).to(torch::kInt64).clamp(0, ImageOutcomes::kBins - 1);
  const auto counts = torch::bincount(bin.flatten(), {}, ImageOutcomes::kBins).contiguous();
  for (size_t i = 0; i < bins.size(); ++i) bins[i] += counts.data_ptr<int64_t>()[i];
}

}  // namespace

ImageOutcomes score_images(SegmentationModel& model, const PreparedSet& set,
                           const std::vector<Entry>& entries, const ScoreOptions& options) {
  ImageOutcomes out;
  for_each_answer(model, set, entries, options, [&](const Answer& a) {
    const double begin = now_s();
    const auto logits = a.logits.cpu();  // waits for a device that works by itself
    out.network_s += a.seconds + now_s() - begin;
    const auto p = probabilities(logits);
    const auto label = labels(p, options.threshold);
    for (int64_t i = 0; i < p.size(0); ++i) {
      const auto truth = a.batch.target[i];
      const auto infected = p[i].sum(0);  // [H,W], all classes as one
      const auto valid = truth != kIgnoreLabel, positive = (truth != 0) & valid;
      out.images.push_back({a.batch.rows[static_cast<size_t>(i)], highest_probability(p[i]),
                            count_foreground(label[i], truth)});
      add_bins(out.truth, infected.masked_select(positive));
      add_bins(out.rest, infected.masked_select(valid & positive.logical_not()));
    }
  });
  return out;
}

}  // namespace groundglass
