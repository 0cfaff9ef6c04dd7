#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/core/events.h"
#include "groundglass/explain/grad_cam.h"
#include "groundglass/models/encoder_classifier.h"
#include "groundglass/predict/input_choice.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {

enum class ExplainMethod {
  grad_cam,   ///< where the evidence for a class lies
  activation  ///< what drives a layer, and the image that drives it most
};

/// What is explained, and where the figures go.
struct ExplainJob {
  std::filesystem::path output;      ///< folder
  std::filesystem::path mask, lung;  ///< of a single input; empty: those that the inputs name
  ExplainMethod method = ExplainMethod::grad_cam;
  CamScore score = CamScore::lesion;
  std::string layer;                          ///< whose maps are weighed; empty: the last one
  int64_t label = 1;                          ///< class that is explained
  int64_t slice = -1;                         ///< of volumes; -1: the one with most of the class
  int64_t filter = -1;                        ///< that the pattern is made for; -1: the mean of all
  std::vector<std::string> class_names = {};  ///< of the recipe
  /// By gradient: gets each heat map [H,W] in [0,1], upright, and its slice (-1 for pictures).
  std::function<void(int64_t slice, const torch::Tensor& heat)> take_heat = {};
};

/// A classifier of whole images, in evaluation mode, and how images must reach it.
struct ExplainedClassifier {
  EncoderClassifier model{nullptr};
  PreprocessOptions preprocess;
};

/// The word for it: "lesion", "all" or "peak".
std::string to_string(CamScore score);

/// A list of what `work` says of each input. Inputs that it refuses with Error(data) do not end the
/// others; they are told together at the end, by an Error(data) that begins with `complaint`, or,
/// if that is empty, with how many inputs were explained. Other errors of `work` end the list.
nlohmann::ordered_json lines_of_each(
    const std::vector<ChosenInput>& inputs,
    const std::function<nlohmann::ordered_json(const ChosenInput&)>& work,
    const std::string& complaint = "");

// Each writes figures for its inputs and returns a list with a line for each: input, figure, what
// was measured and the warnings of its files. Throws Error(data) for what cannot be read, masks of
// another size, and volumes where pictures are expected; Error(usage) for a slice that a volume
// does not have.

/// Four panels (image, truth, prediction, heat) and the heat map alone.
nlohmann::ordered_json explain_by_gradient(Segmenter& segmenter,
                                           const std::vector<ChosenInput>& inputs,
                                           const ExplainJob& job, Observer& observer);

/// Infection maps, and Grad-CAM of a classifier beside them unless it is null: the kind of picture
/// that Degerli et al., https://arxiv.org/abs/2009.12698, print as Fig. 7.
nlohmann::ordered_json explain_by_map(Segmenter& segmenter, ExplainedClassifier* classifier,
                                      const std::vector<ChosenInput>& inputs,
                                      const ExplainJob& job);

/// Grad-CAM of a classifier of whole images.
nlohmann::ordered_json explain_by_classifier(ExplainedClassifier& classifier,
                                             const torch::Device& device,
                                             const std::vector<ChosenInput>& inputs,
                                             const ExplainJob& job);

}  // namespace groundglass
