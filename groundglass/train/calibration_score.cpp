#include "groundglass/train/calibration_score.h"

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/metrics/temperature.h"

namespace groundglass {
namespace {

/// for_each_answer() with the logits on the processor.
void visit_answers(SegmentationModel& model, const PreparedSet& set,
                   const std::vector<Entry>& entries, AnswerOptions options,
                   const std::function<void(const Batch&, const torch::Tensor&)>& visit) {
  options.when_stopped = "stopped while calibrating";
  for_each_answer(model, set, entries, options,
                  [&](const Answer& a) { visit(a.batch, a.logits.cpu()); });
}

CalibrationRow::Region region(const PixelLogits& pixels, double temperature) {
  return {calibration_sums(pixels, 1), calibration_sums(pixels, temperature)};
}

}  // namespace

double fit_temperature_on(SegmentationModel& model, const PreparedSet& set,
                          const std::vector<Entry>& entries, const ScoreOptions& options,
                          const CalibrationOptions& calibration) {
  return fit_temperature([&](const PixelVisitor& visit) {
    visit_answers(model, set, entries, options, [&](const Batch& batch, const auto& logits) {
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
  visit_answers(model, set, entries, options, [&](const Batch& batch, const auto& logits) {
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
