#pragma once

#include <filesystem>
#include <functional>

#include "groundglass/core/events.h"
#include "groundglass/predict/case_writer.h"
#include "groundglass/predict/pace.h"

namespace groundglass {

/// A volume on its way through a network.
struct VolumePass {
  Segmenter& segmenter;
  AxialSource& source;
  std::filesystem::path name;  ///< in messages
  MemoryNeed need;             ///< of the whole call, besides what the process holds
};

/// Segments the slices of a volume and hands each to `take`, in their order: the one way through a
/// volume, whether masks are written or kept in memory. Throws Error(device) if the pace finds too
/// little memory, Error(data) as reading a slice does, Stopped after a stop signal.
void pass_slices(const VolumePass& volume, Pace& pace, Observer& observer,
                 const std::function<void(const Image&, const SliceResult&)>& take);

/// Segments one volume or DICOM series, slice by slice where its slices are axial, else as a whole,
/// and writes its mask (and, if asked for, probabilities and an overlay sheet). Throws
/// Error(device) if the pace finds too little memory, Stopped after a stop signal.
CaseSummary predict_volume(Segmenter& segmenter, const CaseOutputs& outputs,
                           const PredictInput& input, Pace& pace, Observer& observer);

}  // namespace groundglass
