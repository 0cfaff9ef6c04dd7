#pragma once

#include <memory>
#include <optional>
#include <string>

#include "groundglass/data/augment/augmentation.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/data/sample.h"
#include "groundglass/data/sampling.h"
#include "groundglass/preprocess/preprocess_options.h"

namespace groundglass {

/// What a loader does with the entries it is given.
struct LoaderOptions {
  int64_t batch_size = 16;
  int64_t threads = 1;   ///< that prepare batches beside the caller
  int64_t prefetch = 4;  ///< batches that may wait
  uint64_t seed = 1;
  uint64_t epoch = 0;  ///< keys the online augmentation
  Normalise normalise = Normalise::unit;
  AugmentOptions augment;
  bool vary = false;  ///< online augmentation on (training) or off (validation)
  int64_t rank = 0;   ///< batches hold the places rank, rank + ranks, ... of whole ones
  int64_t ranks = 1;
};

/// The order of one epoch.
///
/// sampling  shuffle: each entry once. domains: as many draws, domains in turn. patients: the
///           domains in turn, then the domain's patients in turn. Within a domain or patient the
///           entries are shuffled anew each time they run out. small_lesions: as patients, and
///           every second draw from a patient is one of its `favoured` rows, if it has any.
/// draws     length of the order; 0 for as many as there are entries.
/// favoured  for each row of the set, whether small_lesions prefers it.
std::vector<Entry> epoch_order(const std::vector<Entry>& entries,
                               const std::vector<PreparedRow>& rows, Sampling sampling,
                               uint64_t seed, uint64_t epoch, int64_t draws = 0,
                               const std::vector<bool>& favoured = {});

/// For each row, whether its mask has foreground and at most `share` of its pixels are that.
std::vector<bool> rows_with_small_lesions(const PreparedSet& set, double share = 0.02);

/// The sample of an entry. Copy 0 is the slice, varied if `vary`, keyed by (seed, epoch, row,
/// draw); copy k > 0 is the k-th stored augmentation, keyed by (seed, k, row) alone, whatever the
/// epoch.
Sample load_sample(const PreparedSet& set, const Entry& entry, const LoaderOptions& options);

/// Batches of a list of entries in order, made ahead of time by threads of its own. What comes out
/// depends on the options alone, not on the number of threads.
class Loader {
 public:
  /// The set must outlive the loader. Batches before `first_batch` are skipped (resumed epochs).
  Loader(const PreparedSet& set, std::vector<Entry> order, const LoaderOptions& options,
         int64_t first_batch = 0);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch, nothing at the end. The last one may be smaller; where it has no place for
  /// this rank, its image is one that is nobody's, with no row and a target of no image. Throws
  /// what its thread threw.
  std::optional<Batch> next();

  double waited_s() const;      ///< time that next() stood still
  double images_per_s() const;  ///< what the threads alone could deliver

 private:
  class Team;
  std::unique_ptr<Team> team_;
};

}  // namespace groundglass
