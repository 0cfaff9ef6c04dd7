#pragma once

#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/train/train_options.h"

namespace groundglass {

/// The first epoch (1 is the first) at whose end at least `steps` steps are done; at least 1.
int64_t first_epoch_from(int64_t steps, int64_t steps_of_an_epoch);

/// How many of the latest epochs brought nothing better than the best before them, by the monitor
/// or the validation loss, as options.patience_on says. Epochs before `first_judged` count neither
/// as the best nor as waiting. With monitor 'last' and patience on it every epoch is the best.
int64_t epochs_without_progress(const TrainOptions& options, const std::vector<EpochDone>& history,
                                int64_t first_judged);

}  // namespace groundglass
