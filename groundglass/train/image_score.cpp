#include "groundglass/train/image_score.h"

#include <chrono>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/torch_version.h"

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
  const torch::NoGradGuard no_grad;
  const bool training = model.is_training();
  model.eval();
  Loader loader(set, entries, options.loader);
  ImageOutcomes out;
  while (auto batch = loader.next()) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped while scoring");
    const double begin = now_s();
    torch::Tensor logits;
    {
      const Autocast autocast(options.engine.device, options.engine.precision);
      logits = model.forward(batch->image.to(options.engine.device)).logits.cpu();
    }
    out.network_s += now_s() - begin;
    const auto p = probabilities(logits.to(torch::kFloat32));
    const auto label = labels(p, options.threshold);
    for (int64_t i = 0; i < p.size(0); ++i) {
      const auto truth = batch->target[i];
      const auto infected = p[i].sum(0);  // [H,W], all classes as one
      const auto valid = truth != kIgnoreLabel, positive = (truth != 0) & valid;
      out.images.push_back({batch->rows[static_cast<size_t>(i)], infected.max().item<double>(),
                            count_foreground(label[i], truth)});
      add_bins(out.truth, infected.masked_select(positive));
      add_bins(out.rest, infected.masked_select(valid & positive.logical_not()));
    }
  }
  model.train(training);
  return out;
}

}  // namespace groundglass
