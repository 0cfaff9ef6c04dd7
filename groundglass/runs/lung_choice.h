#pragma once

#include <string>

#include "groundglass/predict/lung_source.h"
#include "groundglass/runs/segmenter_options.h"

namespace groundglass {

/// Name of the model that finds the lungs of CT where no other is named.
constexpr const char* kLungModel = "ct_lungs";

/// Where the lungs come from, as a user says it: "threshold", "none", a volume file of class
/// numbers, or a model as load_runnable_model() takes it. An empty word is the bundled network for
/// the lungs, the threshold where none is bundled, and none where `trained` is that network itself.
///
/// Throws Error(usage) for a word that is none of these, else as load_runnable_model() and
/// segmenter_options() do.
/// Lobes are those of lobe_source("").
LungSource lung_source(const std::string& word, const TrainedModel& trained,
                       const RunSettings& settings, RunnerChoice choice = {});

/// Where the lobes come from, as a user says it: "shape" (the bundled atlas), "none", or a volume
/// file of labels as LobeFile takes it. An empty word is "shape" where the atlas is bundled.
///
/// Throws Error(usage) for a word that is none of these, Error(checkpoint) for an atlas that is not
/// there or cannot be read.
LobeSource lobe_source(const std::string& word);

}  // namespace groundglass
