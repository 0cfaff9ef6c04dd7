#pragma once

#include <memory>
#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/predict/inputs.h"
#include "groundglass/predict/xray_detector.h"
#include "groundglass/runs/run_settings.h"
#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// Name of the detector that is asked where none is named.
constexpr const char* kXrayDetector = "xray_detector";

/// Who decides whether what is marked on chest X-rays is kept, as a user says it: "none", or a
/// classifier's run folder, weights file or name. An empty word is the detector that lies beside
/// the bundled xray_infection where `trained` is that model, and nobody for all others.
///
/// pictures  the inputs, of which one at least must be a picture where a detector is named
/// Throws Error(usage) for a word that is none of these or inputs that are volumes alone, else as
/// load_trained_classifier() does and Error(checkpoint) for one of more than two classes.
std::shared_ptr<const XrayDetector> xray_detector(const std::string& word,
                                                  const TrainedModel& trained,
                                                  const std::vector<PredictInput>& inputs,
                                                  const RunSettings& settings);

/// Tells `observer` what the detector's recipe cautions of, if there is one and it does.
void warn_of(const XrayDetector* detector, Observer& observer);

/// The caution of a model, and after it that of a detector if there is one: what outputs say.
std::string with_caution_of(const XrayDetector* detector, std::string caution);

}  // namespace groundglass
