#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/data/dataset.h"

namespace groundglass {

/// What counts as a copy, and as a picture that shows too little.
struct CurationOptions {
  int64_t max_bits = 12;     ///< of 256 in which the hashes of copies may differ
  double white_share = 0.3;  ///< of the pixels at white or within 2 % of it: over-exposed
};

/// A picture that shows what an earlier one of the data set shows.
struct PictureCopy {
  size_t row = 0, of = 0;  ///< in the data set; `of` is the earlier one
  int64_t bits = 0;        ///< by which their hashes differ
  bool same_pixels = false;
};

/// A picture with little but white.
struct OverExposed {
  size_t row = 0;
  double share = 0;  ///< of the pixels
};

/// What somebody who collects pictures would take out.
struct Curation {
  std::vector<PictureCopy> copies;  ///< each row once at most, with the most alike earlier one
  std::vector<OverExposed> over_exposed;
};

/// Looks at every picture of a data set; volumes are passed over. A flat picture, whose hash is
/// all zeros, is a copy only of one with the same pixels.
///
/// Degerli et al., https://arxiv.org/abs/2009.12698, Section II-A, removed duplicates and pictures
/// of poor quality by hand. Differs: by rules, whose limits are ours.
///
/// Throws Error(data) that lists the pictures that cannot be read; Stopped after a stop signal.
Curation find_copies_and_over_exposed(const Dataset& dataset, const CurationOptions& options,
                                      int64_t threads, Observer& observer = silent_observer());

/// A line for each finding, for people.
std::vector<std::string> curation_lines(const Curation& found, const Dataset& dataset);

/// Writes the rows that are neither as a table: image, mask, patient, case, domain and label, files
/// relative to the table. Returns how many rows that are.
int64_t write_curated(const std::filesystem::path& table, const Dataset& dataset,
                      const Curation& found);

}  // namespace groundglass
