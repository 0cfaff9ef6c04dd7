#pragma once

#include <cstdint>
#include <optional>

#include <torch/types.h>

namespace groundglass {

/// What a lesion is, and when it counts as found. Challenges differ here (one voxel in autoPET,
/// a share or a number of voxels elsewhere), so the choice stands beside every score.
struct LesionOptions {
  int64_t smallest = 1;  ///< pixels; smaller pieces are no lesions, on either side
  double overlap = 0;    ///< share of a reference lesion that must be covered; 0: one pixel will do
};

/// Connected pieces of a reference and of a prediction. Counts first, formulas second.
struct LesionCounts {
  int64_t reference = 0;        ///< lesions of the reference
  int64_t found = 0;            ///< those of them that the prediction covers enough
  int64_t predicted = 0;        ///< lesions of the prediction
  int64_t false_positives = 0;  ///< those of them that touch no lesion of the reference

  LesionCounts& operator+=(const LesionCounts& other);
  bool operator==(const LesionCounts&) const = default;
};

/// Holds the lesions of two label maps against each other: pieces of all foreground labels as one
/// class, connected by sides and corners (8 neighbours in [H,W], 26 in [D,H,W]).
///
/// A predicted piece covers reference lesions whatever its own size, and one that lies on a piece
/// of the reference too small to count is no false positive. One predicted piece may find several
/// lesions, and several may find one. Pixels whose truth is kIgnoreLabel are background in both.
///
/// Throws Error(usage) for shapes that differ, for `smallest` below 1 and `overlap` outside [0,1].
LesionCounts count_lesions(const torch::Tensor& prediction, const torch::Tensor& truth,
                           const LesionOptions& options = {});

// Empty where the denominator is zero; in [0,1], more is better.
std::optional<double> lesion_sensitivity(const LesionCounts& c);  ///< found / reference
/// Share of predicted lesions that touch one of the reference.
std::optional<double> lesion_precision(const LesionCounts& c);
/// 2 found / (2 found + missed + false positives); a lesion found in pieces counts once.
std::optional<double> lesion_f1(const LesionCounts& c);

}  // namespace groundglass
