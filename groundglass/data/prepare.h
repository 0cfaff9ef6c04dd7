#pragma once

#include <functional>

#include "groundglass/core/events.h"
#include "groundglass/data/data_options.h"
#include "groundglass/data/dataset.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/io/image.h"
#include "groundglass/preprocess/preprocess_options.h"

namespace groundglass {

struct PrepareJob {
  Dataset dataset;
  DataOptions data;
  PreprocessOptions preprocess;
  std::string preprocess_text;  ///< the same as text, to be kept in the set
  std::filesystem::path output;
  int64_t threads = 0;                        ///< 0 for all processors
  std::vector<std::string> class_names = {};  ///< of classes 1, 2, .., for the set's own account
  /// The lungs [H,W] of a slice, 0 is none, where they are a network's; called by one thread at a
  /// time.
  std::function<torch::Tensor(const Image&)> find_lungs = {};
};

/// What the values of a prepared set's masks mean, as its header says it: "0 background, 1 ground
/// glass, 2 consolidation; 255 ignored".
std::string mask_meaning(const DataOptions& data, const std::vector<std::string>& class_names);

/// Of names, sizes and times of all files of a data set and of what its masks mean: a prepared set
/// with another fingerprint was made from something else.
std::string fingerprint_of(const Dataset& dataset, const DataOptions& data);

/// Preprocesses a data set once, on all processors, into a prepared set: pictures become a row
/// each, volumes a row for each axial slice. A killed preparation goes on where it stopped. With
/// labels 'classes' images without a mask are left out, and that is said.
///
/// Throws Error(data) that lists every unreadable file, mask of another size or grid, and unknown
/// label at once; Stopped after a stop signal. Returns the number of rows.
int64_t prepare(const PrepareJob& job, Observer& observer = silent_observer());

}  // namespace groundglass
