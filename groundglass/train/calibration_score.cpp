#include "groundglass/train/calibration_score.h"

#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/core/torch_version.h"
#include "groundglass/metrics/temperature.h"
#include "groundglass/models/mirrors.h"

namespace groundglass {
namespace {

/// Shows every batch and its logits [N,K,H,W] (float32, on the processor) to `visit`.
template <class Visit>
void for_each_batch(SegmentationModel& model, const PreparedSet& set,
                    const std::vector<Entry>& entries, const ScoreOptions& options,
                    const Visit& visit) {
  const torch::NoGradGuard no_grad;
  const bool training = model.is_training();
  model.eval();
  Loader loader(set, entries, options.loader);
  while (auto batch = loader.next()) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped while calibrating");
    torch::Tensor logits;
    {
      const Autocast autocast(options.engine.device, options.engine.precision);
      logits = mean_of_views([&](const torch::Tensor& x) { return model.forward(x).logits; },
                             batch->image.to(options.engine.device), options.views);
    }
    visit(*batch, logits.to(torch::kFloat32).cpu());
  }
  model.train(training);
}

CalibrationRow::Region region(const PixelLogits& pixels, double temperature) {
  return {calibration_sums(pixels, 1), calibration_sums(pixels, temperature)};
}

}  // namespace

double fit_temperature_on(SegmentationModel& model, const PreparedSet& set,
                          const std::vector<Entry>& entries, const ScoreOptions& options,
                          const CalibrationOptions& calibration) {
  return fit_temperature([&](const PixelVisitor& visit) {
    for_each_batch(model, set, entries, options, [&](const Batch& batch, const auto& logits) {
      if (calibration.fit == FitRegion::all) return visit(pixel_logits(logits, batch.target));
      const auto label = labels(probabilities(logits), options.threshold);
      visit(pixel_logits(logits, batch.target,
                         near_lesion(label, batch.target, calibration.near_pixels)));
    });
  });
}

std::vector<CalibrationRow> calibration_rows(SegmentationModel& model, const PreparedSet& set,
                                             const std::vector<Entry>& entries,
                                             const ScoreOptions& options,
                                             const CalibrationOptions& calibration) {
  std::vector<CalibrationRow> rows;
  for_each_batch(model, set, entries, options, [&](const Batch& batch, const auto& logits) {
    const auto label = labels(probabilities(logits), options.threshold);
    const auto near = near_lesion(label, batch.target, calibration.near_pixels);
    for (int64_t i = 0; i < logits.size(0); ++i) {
      const auto z = logits.narrow(0, i, 1), truth = batch.target.narrow(0, i, 1);
      rows.push_back(
          {batch.rows[static_cast<size_t>(i)],
           region(pixel_logits(z, truth), calibration.temperature),
           region(pixel_logits(z, truth, near.narrow(0, i, 1)), calibration.temperature)});
    }
  });
  return rows;
}

}  // namespace groundglass
