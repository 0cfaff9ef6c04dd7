#pragma once

#include <string>
#include <vector>

#include "groundglass/predict/inputs.h"
#include "groundglass/predict/lung_cut.h"
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

/// What becomes of marks outside the lungs of CT, as a user says it: "drop" or "keep". An empty
/// word is "drop" for the bundled models of CT infection, for which it was measured, and "keep" for
/// all others. The lungs are those of `lungs` where a network finds them, else the bundled
/// network's (pictures); an empty word keeps all where `lungs_word` asks for other lungs.
///
/// lungs  as lung_source(lungs_word) gave it, or none where it was not asked.
/// Throws Error(usage) for another word, and for "drop" where no network finds lungs.
LungCut lung_cut(const std::string& word, const std::string& lungs_word, const LungSource& lungs,
                 const TrainedModel& trained, const RunSettings& settings,
                 RunnerChoice choice = {});

/// Names of the models for chest X-rays: of their infection, and of their lungs where no other is
/// named.
constexpr const char* kXrayModel = "xray_infection";
constexpr const char* kXrayLungModel = "xray_lungs_whole";

/// Where the lungs of pictures come from, as a user says it: "none" or "threshold" (which finds
/// none in X-rays), a picture file of a mask, or a model. An empty word is the bundled network for
/// the lungs of X-rays. None in any case for pictures that nothing calls X-rays: neither are all of
/// them DICOM files, nor is `trained` the bundled model for X-rays, nor is a bundled lung model for
/// X-rays (xray_lungs_..) named.
///
/// pictures  the inputs; none, too, where they hold a volume.
/// Throws as lung_source(), and Error(usage) for a picture file beside pictures that nothing calls
/// X-rays.
LungSource xray_lung_source(const std::string& word, const TrainedModel& trained,
                            const std::vector<PredictInput>& pictures, const RunSettings& settings,
                            RunnerChoice choice = {});

/// Where the lobes come from, as a user says it: "shape" (the bundled atlas), "none", or a volume
/// file of labels as LobeFile takes it. An empty word is "shape" where the atlas is bundled.
///
/// Throws Error(usage) for a word that is none of these, Error(checkpoint) for an atlas that is not
/// there or cannot be read.
LobeSource lobe_source(const std::string& word);

}  // namespace groundglass
