#include "groundglass/runs/starting_weights.h"

#include <algorithm>

#include "groundglass/core/rng.h"
#include "groundglass/train/norm_statistics.h"

namespace groundglass {

void start_with_weights(const WeightsStart& start, Observer& observer) {
  const auto report = import_weights(start.network, start.file.weights, start.file.layout);
  observer.on(Warning{start.file.weights + ": " + report.text()});
  if (report.unfolded.empty()) return;
  LoaderOptions loader;
  loader.batch_size = start.training.batch_size;
  loader.threads = start.training.loader_threads;
  loader.seed = static_cast<uint64_t>(start.training.seed);
  loader.normalise = start.normalise;
  constexpr uint64_t kKey = 0x5e771e;
  const auto all = static_cast<int64_t>(start.split.train.size());
  auto entries = epoch_order(start.split.train, start.set->rows(), Sampling::shuffle,
                             mix_keys(loader.seed, kKey), 0, std::min(all, kSettlingImages));
  for (auto& entry : entries) entry.copy = 0;  // the image itself, not a stored augmentation
  settle_norms(start.network, report.unfolded, start.run, *start.set, entries, loader);
  observer.on(
      Note{std::to_string(report.unfolded.size()) +
           " batch norms that the file has folded begin with the statistics of " +
           std::to_string(entries.size()) +
           " training images; in evaluation mode the imported layers answer as the file's"});
}

}  // namespace groundglass
