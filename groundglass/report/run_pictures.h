#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/data/augment/augmentation.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/report/reliability.h"

// The pictures that verbs of both shapes leave in a run folder. The core shape draws none: there
// these functions do nothing.

namespace groundglass {

/// progress.png: the curves of curves_figure(), drawn anew after each epoch of a training that
/// began or goes on in `run`.
class CurveDrawer final : public Observer {
 public:
  explicit CurveDrawer(std::filesystem::path run);
  void on(const EpochDone& e) override;

 private:
  std::filesystem::path run_;
  std::vector<EpochDone> history_;
};

/// augmentation.png: six slices of the set, as they are and as the options draw them; nothing where
/// nothing is augmented.
void write_augmentation(const std::filesystem::path& run, const PreparedSet& set,
                        const AugmentOptions& options, uint64_t seed);

/// certainty_figure() as a PNG.
void write_certainty(const std::filesystem::path& path, const std::vector<int64_t>& histogram,
                     double limit);

/// reliability_figure() as a PNG.
void write_reliability(const std::filesystem::path& path, const std::string& axis,
                       const std::vector<ReliabilityPanel>& panels);

}  // namespace groundglass
