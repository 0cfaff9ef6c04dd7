#include "groundglass/report/run_pictures.h"

#include "groundglass/io/picture.h"
#include "groundglass/report/figure.h"
#include "groundglass/train/training_state.h"

namespace groundglass {

CurveDrawer::CurveDrawer(std::filesystem::path run) : run_(std::move(run)) {
  if (std::filesystem::exists(run_ / "state.safetensors")) history_ = read_history(run_);
}

void CurveDrawer::on(const EpochDone& e) {
  history_.push_back(e);
  write_png(run_ / "progress.png", curves_figure(history_));
}

void write_augmentation(const std::filesystem::path& run, const PreparedSet& set,
                        const AugmentOptions& options, uint64_t seed) {
  if (options.mode == AugmentMode::none) return;
  write_png(run / "augmentation.png", augmentation_sheet(set, options, 6, 7, seed));
}

void write_certainty(const std::filesystem::path& path, const std::vector<int64_t>& histogram,
                     double limit) {
  write_png(path, certainty_figure(histogram, limit));
}

void write_reliability(const std::filesystem::path& path, const std::string& axis,
                       const std::vector<ReliabilityPanel>& panels) {
  write_png(path, reliability_figure(axis, panels));
}

}  // namespace groundglass
