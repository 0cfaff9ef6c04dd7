#pragma once

#include "groundglass/predict/pace.h"
#include "groundglass/predict/predict.h"

namespace groundglass {

/// Segments one volume or DICOM series, slice by slice where its slices are axial, else as a whole,
/// and writes its mask (and, if asked for, probabilities and an overlay sheet). Throws
/// Error(device) if the pace finds too little memory.
CaseSummary predict_volume(Segmenter& segmenter, const PredictJob& job, const PredictInput& input,
                           Pace& pace, Observer& observer);

/// The median of the slices' typicality, and a warning if it is above 1.
void take_typicality(CaseSummary& summary, std::vector<double> slices, const PredictJob& job);

/// One amount of 0 for each class of a network that tells several lesions apart; empty for others.
std::vector<ClassAmount> class_amounts(const Segmenter& segmenter, const PredictJob& job);

/// Adds what labels [..] hold of each class.
void add_pixels(std::vector<ClassAmount>& amounts, const torch::Tensor& labels);

/// The names, for with_legend().
std::vector<std::string> legend_of(const std::vector<ClassAmount>& amounts);

/// An 8-bit picture of a slice for the eye: HU through the recipe's window, gray as it is.
torch::Tensor shown(const Image& slice, const PreprocessOptions& options);

}  // namespace groundglass
