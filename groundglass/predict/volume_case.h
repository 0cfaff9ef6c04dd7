#pragma once

#include "groundglass/core/events.h"
#include "groundglass/predict/case_writer.h"
#include "groundglass/predict/pace.h"

namespace groundglass {

/// Segments one volume or DICOM series, slice by slice where its slices are axial, else as a whole,
/// and writes its mask (and, if asked for, probabilities and an overlay sheet). Throws
/// Error(device) if the pace finds too little memory, Stopped after a stop signal.
CaseSummary predict_volume(Segmenter& segmenter, const CaseOutputs& outputs,
                           const PredictInput& input, Pace& pace, Observer& observer);

}  // namespace groundglass
