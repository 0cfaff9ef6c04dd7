#pragma once

#include "groundglass/predict/predict.h"

namespace groundglass {

/// Segments one volume or DICOM series, slice by slice where its slices are axial, else as a whole,
/// and writes its mask (and, if asked for, probabilities and an overlay sheet).
CaseSummary predict_volume(Segmenter& segmenter, const PredictJob& job, const PredictInput& input,
                           Observer& observer);

/// An 8-bit picture of a slice for the eye: HU through the recipe's window, gray as it is.
torch::Tensor shown(const Image& slice, const PreprocessOptions& options);

}  // namespace groundglass
