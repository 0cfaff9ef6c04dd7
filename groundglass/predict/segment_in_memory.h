#pragma once

#include "groundglass/core/events.h"
#include "groundglass/predict/case_measures.h"

namespace groundglass {

/// What a network says of an image or volume in memory, on its own grid.
struct MemoryResult {
  torch::Tensor labels;         ///< [H,W] or [D,H,W] uint8, 0 background
  torch::Tensor probabilities;  ///< [F,H,W] or [F,D,H,W] float32 in [0,1], one map for each
                                ///< foreground class
  CaseSummary summary;          ///< without an output
};

/// Segments a picture or a volume in memory, with the same answer as predict() for a file that
/// holds it.
///
/// image   [C,H,W], as Segmenter::segment() takes it
/// volume  [D,H,W] in HU or gray, see volume_in_memory()
/// names   for the summary
///
/// Throws Error(data) as volume_in_memory() and Segmenter::segment() do, Error(device) if memory
/// does not suffice for the volume, Stopped after a stop signal.
MemoryResult segment_in_memory(Segmenter& segmenter, const Image& image, const CaseNames& names);
MemoryResult segment_in_memory(Segmenter& segmenter, const Volume& volume, const CaseNames& names,
                               Observer& observer = silent_observer());

}  // namespace groundglass
