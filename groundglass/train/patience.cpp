#include "groundglass/train/patience.h"

#include <algorithm>
#include <limits>

namespace groundglass {

int64_t first_epoch_from(int64_t steps, int64_t steps_of_an_epoch) {
  const int64_t each = std::max<int64_t>(steps_of_an_epoch, 1);
  return std::max<int64_t>((steps + each - 1) / each, 1);
}

int64_t epochs_without_progress(const TrainOptions& options, const std::vector<EpochDone>& history,
                                int64_t first_judged) {
  const bool by_loss = options.patience_on == PatienceOn::validation_loss;
  if (!by_loss && options.monitor == Monitor::last) return 0;
  double best = -std::numeric_limits<double>::infinity();
  int64_t waited = 0;
  for (const auto& epoch : history) {
    if (epoch.epoch < first_judged) continue;
    const double value = by_loss ? -epoch.validation_loss : epoch.monitor;
    if (value > best) {
      best = value;
      waited = 0;
    } else {
      ++waited;
    }
  }
  return waited;
}

}  // namespace groundglass
