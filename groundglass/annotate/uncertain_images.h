#pragma once

#include <filesystem>

#include "groundglass/data/dataset.h"

namespace groundglass {

/// Which images of an adaptation people should look at.
struct UncertainOptions {
  std::filesystem::path adaptation;  ///< run folder of `adapt`; empty for every image
  int64_t most = 0;                  ///< so many, the least certain; 0 for all of them
};

/// The images of a data set whose certainty lay below the limit of an adaptation, least certain
/// first: those on which the network marked something that it was not sure of
/// (pseudo_labels.csv). Nothing is left out where options.adaptation is empty.
///
/// Paper 003 names people in the loop as future work.
///
/// Throws Error(data) for a folder without pseudo_labels.csv, one that is damaged or names images
/// that the data set lacks, and where no image is uncertain.
Dataset uncertain_images(Dataset dataset, const UncertainOptions& options);

}  // namespace groundglass
